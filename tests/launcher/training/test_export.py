"""Weights that leave a checkpoint, as transformers and the model itself read them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from launcher.checkpoints.marker import published
from launcher.checkpoints.whole import Tensors
from launcher.config.compose import to_plain
from launcher.config.targets import build
from launcher.errors import RequestError
from launcher.jobs.manage import manage
from launcher.runs import Run
from launcher.training.export import export_weights, renamed

TEXT = ["dataset.sequence_length=16", "dataset.max_rows=4", "trainer.global_batch_size=8", "trainer.max_steps=2"]
TEXT += [
    "trainer.eval_every_steps=null",
    "checkpoint.every_steps=1",
    "engine.num_processes=2",
    "strategy=fsdp",
]
SMALL = ["model.width=16", "model.num_layers=2", "model.mlp_width=24", "model.num_heads=4", "model.num_kv_heads=2"]
FORMS = {
    "llama": ["model.ngram_orders=[]"],
    "qwen3": ["model.ngram_orders=[]", "model.qk_norm=true"],
    "tied": ["model.ngram_orders=[]", "model.tie_embeddings=true"],
}


@pytest.fixture(params=[pytest.param(form, marks=pytest.mark.slow) for form in FORMS])
def run(request: pytest.FixtureRequest, train: Callable[..., Run]) -> Run:
    """A run of a model that transformers has too, sharded over two processes."""
    return train(*TEXT, *SMALL, *FORMS[request.param])


def model_of(run: Run, weights: Path) -> Any:
    """The native model with exported or trained weights."""
    model = build(to_plain(run.config_path)["model"])
    model.load_state_dict(load_file(weights), strict=False)
    return model.eval()


def test_transformers_gives_the_same_logits(run: Run) -> None:
    done = export_weights(run, step=None, output=None, say=[].append)
    theirs, report = AutoModelForCausalLM.from_pretrained(done["path"], output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert type(theirs).__name__ == done["transformers"]
    ids = torch.randint(0, 200, (2, 16))
    ours = model_of(run, run.model_dir / "model.safetensors")
    if run.job["model"] == "GPT" and to_plain(run.config_path)["model"]["tie_embeddings"]:
        ours.head.weight = ours.embed.weight
    torch.testing.assert_close(ours(ids), theirs.eval()(ids).logits, atol=1e-5, rtol=0)


@pytest.mark.slow
def test_a_model_that_transformers_does_not_have_keeps_its_names(
    train: Callable[..., Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(*TEXT, *SMALL, "model.ngram_orders=[2]", "model.ngram_buckets=16", "model.ngram_width=8")
    assert manage(["export-weights", run.id, "--step", "1", "--output", str(tmp_path / "out"), "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["step"], done["transformers"], done["path"]) == (1, None, str(tmp_path / "out"))
    found, expected = load_file(tmp_path / "out" / "model.safetensors"), Tensors(published(run.checkpoints_dir)[0].path)
    assert {f"model/{name}" for name in found} == {name for name in expected.shapes if name.startswith("model/")}
    assert all(torch.equal(value, expected.read(f"model/{name}")) for name, value in found.items())
    assert not (tmp_path / "out" / "config.json").exists()

    newest = published(run.checkpoints_dir)[-1]
    next(newest.path.glob("*.safetensors")).write_bytes(b"")
    assert export_weights(run, step=None, output=None, say=[].append)["step"] == 1
    with pytest.raises(RequestError, match="it has 1 and 2"):
        export_weights(run, step=7, output=None, say=[].append)
    shutil.rmtree(run.checkpoints_dir)
    with pytest.raises(RequestError, match="has no checkpoint to export"):
        export_weights(run, step=None, output=None, say=[].append)


@pytest.mark.parametrize(
    ("name", "parts", "expected"),
    [
        ("blocks.0.attention.wq.weight", {"blocks.": "layers.", ".attention.wq.": ".q."}, "layers.0.q.weight"),
        ("norm.weight", {"norm.": "model.norm."}, "model.norm.weight"),
        ("blocks.0.norm.weight", {"norm.": "model.norm."}, "blocks.0.norm.weight"),
        ("model.model.x", {"model.": ""}, "model.x"),
    ],
)
def test_parts_of_names_are_replaced_where_they_stand(name: str, parts: dict[str, str], expected: str) -> None:
    assert renamed(name, parts) == expected
