"""Beginning with the weights of a run or a directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import launcher
from launcher.checkpoints.marker import published
from launcher.errors import RequestError
from launcher.jobs.weights import find_weights
from launcher.runs import Run

SETTINGS = [
    "model=linear",
    "dataset=iris",
    "trainer.max_epochs=null",
    "trainer.max_steps=4",
    "checkpoint.every_steps=2",
]
STILL = ["optimizer.lr=1e-30", "optimizer.weight_decay=0"]
"""Training that changes nothing."""


@pytest.mark.slow
def test_a_run_begins_with_the_weights_of_another_also_sharded_and_from_a_checkpoint(train: Callable[..., Run]) -> None:
    first = train(*SETTINGS, "run_id=first")
    weights = load_file(first.model_dir / "model.safetensors")
    again = train(*SETTINGS, *STILL, "init_from=first", "strategy=fsdp", "engine.num_processes=2")
    found = load_file(again.model_dir / "model.safetensors")
    assert all(torch.equal(found[name], value) for name, value in weights.items())

    newest = published(first.checkpoints_dir)[-1]
    also = train(*SETTINGS, *STILL, f"init_from={newest.path}")
    found = load_file(also.model_dir / "model.safetensors")
    assert all(torch.equal(found[name], value) for name, value in weights.items())

    with pytest.raises(RequestError, match=r"is of another model than `model` describes: its head\.weight"):
        launcher.train([*SETTINGS, "model=mlp", "init_from=first"], quiet=True)

    assert find_weights("first") == first.model_dir
    assert find_weights(str(first.path)) == first.model_dir
    (first.model_dir / "model.safetensors").unlink()
    assert find_weights("first") == newest.path


def test_a_directory_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="holds no safetensors file"):
        find_weights(str(tmp_path))


def test_what_is_neither_a_run_nor_a_directory_is_refused_before_anything_starts(runs_dir: Path) -> None:
    with pytest.raises(RequestError, match="neither a directory nor a run"):
        launcher.train([*SETTINGS, "init_from=nowhere"], quiet=True)
    assert not list(runs_dir.glob("*"))
