"""Whole runs through the Python API, with real worker processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file

import launcher
from launcher.config.targets import build
from launcher.errors import RequestError
from launcher.runs import Run, runs_root
from tests.settings import TINY_GPT, TINY_TEXT

Train = Callable[..., Run]

PLAIN_SGD = ["optimizer=sgd", "optimizer.lr=0.1", "scheduler=constant", "trainer.log_every_steps=1"]


def curve(run: Run) -> list[float]:
    return [event["loss"] for event in run.history("step")]


def documents(path: Path) -> Path:
    """Texts of unequal length, one a line."""
    lines = [json.dumps({"text": "abc " * (1 + number % 7) + str(number)}) for number in range(30)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def same_on_one_and_two(train: Train, *overrides: str) -> None:
    one = train(*overrides, *PLAIN_SGD, "engine.num_processes=1")
    two = train(*overrides, *PLAIN_SGD, "engine.num_processes=2")
    assert len(curve(one)) >= 8
    assert curve(two) == pytest.approx(curve(one), rel=1e-5, abs=1e-5)
    assert curve(one)[-1] != pytest.approx(curve(one)[0], rel=1e-3), "nothing was learnt, so nothing was compared"


@pytest.mark.slow
def test_packed_text_gives_one_curve_on_one_and_two_processes(train: Train) -> None:
    same_on_one_and_two(train, *TINY_GPT, *TINY_TEXT, "trainer.max_steps=12", "trainer.eval_every_steps=5")


def test_unequal_lengths_accumulation_and_a_last_incomplete_batch_give_one_curve(train: Train, tmp_path: Path) -> None:
    # 24 training rows in batches of 10: the third batch of each epoch has 4 samples, and micro batches of 1 and 2.
    same_on_one_and_two(
        train,
        "dataset=jsonl",
        "model=gpt_tiny",
        "dataset.kind=text",
        "dataset.inputs=text",
        "dataset.tokenizer=bytes",
        "task=language_modeling",
        f"dataset.path={documents(tmp_path / 'texts.jsonl')}",
        "dataset.packing=false",
        "dataset.sequence_length=24",
        "dataset.split.validation=0.2",
        "dataset.split.test=0",
        *TINY_GPT,
        "trainer.global_batch_size=10",
        "trainer.micro_batch_size=1",
        "trainer.max_steps=9",
        "trainer.max_epochs=null",
    )


@pytest.mark.slow
def test_masked_tokens_are_the_same_on_one_and_two_processes(train: Train) -> None:
    same_on_one_and_two(
        train, "model=bert", "task=masked_language_modeling", *TINY_TEXT, "trainer.max_steps=8", "optimizer.lr=0.5"
    )


@pytest.mark.slow
def test_a_batch_with_fewer_samples_than_processes_gives_one_curve(train: Train) -> None:
    # dataset.max_rows leaves a training split whose last batch holds a single sample for two processes.
    same_on_one_and_two(
        train,
        "model=linear",
        "dataset=iris",
        "dataset.split.validation=0",
        "dataset.split.test=0",
        "dataset.max_rows=145",
        "trainer.global_batch_size=16",
        "trainer.max_epochs=2",
    )


@pytest.mark.slow
def test_the_micro_batch_changes_nothing_but_memory(train: Train) -> None:
    base = ["model=mlp", "dataset=wine", "trainer.max_epochs=3", "trainer.global_batch_size=16", *PLAIN_SGD]
    whole = train(*base, "engine.num_processes=1")
    parts = train(*base, "engine.num_processes=1", "trainer.micro_batch_size=4")
    assert curve(parts) == pytest.approx(curve(whole), rel=1e-5, abs=1e-5)


def test_a_finished_run_has_a_summary_metrics_and_a_model_that_can_be_rebuilt(train: Train) -> None:
    run = train("model=mlp", "dataset=iris", "trainer.max_epochs=2", "engine.num_processes=2")
    assert run.metrics["test/accuracy"] > 0
    assert run.summary["steps"] == len(range(run.history("step")[-1]["num_steps"]))
    assert run.summary["peak_memory_bytes"] > 2**20
    model = build(yaml.safe_load((run.model_dir / "config.yaml").read_text())["model"])
    model.load_state_dict(load_file(run.model_dir / "model.safetensors"))
    fitted = json.loads((run.model_dir / "transforms.json").read_text())
    assert fitted["target"]["classes"] == ["setosa", "versicolor", "virginica"]


def test_steps_on_text_say_how_many_tokens_were_seen(train: Train) -> None:
    run = train(*TINY_GPT, *TINY_TEXT, "trainer.max_steps=2", "trainer.log_every_steps=1")
    plan, length = json.loads(run.plan_path.read_text()), yaml.safe_load(run.config_path.read_text())["data"]
    batch = plan["global_batch_size"] * length["sequence_length"]
    assert [event["tokens"] for event in run.history()] == [batch, 2 * batch]


def test_each_rank_has_a_log_of_its_own(train: Train) -> None:
    run = train("model=linear", "dataset=iris", "trainer.max_epochs=1", "engine.num_processes=2")
    assert run.log_path(attempt=0, rank=0).exists()
    assert run.log_path(attempt=0, rank=1).exists()


@pytest.mark.slow
def test_seed_zero_is_a_seed_and_another_seed_is_another_run(train: Train) -> None:
    base = ["model=mlp", "dataset=iris", "trainer.max_epochs=1", "trainer.log_every_steps=1", "engine.num_processes=1"]
    first, again, other = (train(*base, f"trainer.seed={seed}") for seed in (0, 0, 1))
    assert curve(first) == curve(again)
    assert curve(first) != curve(other)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bf16"])
def test_half_precision_trains(train: Train, precision: str) -> None:
    run = train("model=mlp", "dataset=wine", f"trainer.precision={precision}", "trainer.max_epochs=20")
    assert run.metrics["test/accuracy"] > 0.8


@pytest.mark.slow
def test_deterministic_mode_trains(train: Train) -> None:
    run = train("model=cnn", "dataset=digits", "trainer.deterministic=true", "trainer.max_epochs=1")
    assert run.state == "finished"


def test_evaluation_comes_every_n_steps_and_at_the_end(train: Train) -> None:
    run = train("model=linear", "dataset=iris", "trainer.max_steps=6", "trainer.eval_every_steps=2")
    steps = [event["step"] for event in run.history("evaluation") if event["split"] == "validation"]
    assert steps == [2, 4, 6]


@pytest.mark.slow
def test_metrics_do_not_depend_on_the_number_of_processes(train: Train) -> None:
    base = ["model=mlp", "dataset=wine", "trainer.max_epochs=3"]
    one = train(*base, "engine.num_processes=1")
    two = train(*base, "engine.num_processes=2")
    assert two.metrics == pytest.approx(one.metrics, rel=1e-4, abs=1e-5)


def test_a_finished_run_of_this_id_is_kept(train: Train) -> None:
    base = ["model=linear", "dataset=iris", "trainer.max_epochs=1", "run_id=mine"]
    run = train(*base)
    with pytest.raises(RequestError, match="run mine is finished; to train on"):
        launcher.train(["tracker=none", *base], quiet=True)
    assert run.state == "finished"


def test_a_refused_request_leaves_no_run_directory() -> None:
    with pytest.raises(RequestError, match="fewer than one global batch"):
        launcher.train(["model=linear", "dataset=iris", "trainer.global_batch_size=4096"], quiet=True)
    assert not runs_root().exists() or not any(runs_root().iterdir())


def test_a_multiple_of_the_process_count_is_asked_of_the_batch() -> None:
    with pytest.raises(RequestError, match=r"trainer\.global_batch_size=33 does not divide over 2 processes"):
        launcher.train(
            ["model=linear", "dataset=iris", "trainer.global_batch_size=33", "engine.num_processes=2"], quiet=True
        )
