"""What is refused before any worker starts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from launcher.config.compose import compose
from launcher.config.schema import Config
from launcher.config.validate import from_composed
from launcher.parallel.axes import Axes
from launcher.training.preflight import other_model, refuse, refuse_weights, weights_prefix

ONE = Axes()
WEIGHTS = {"weight": torch.ones(3, 2), "bias": torch.ones(3)}


def config(*overrides: str, **sections: Any) -> Config:
    """A linear model of two features and three classes."""
    made = from_composed(compose(["model=linear", "dataset=iris", *overrides]))
    model = {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 3}
    task = {"_target_": "launcher.tasks.classification.Classification", "num_classes": 3}
    return replace(made, **({"model": model, "task": task} | sections))


def weights(directory: Path, **changed: Tensor) -> Path:
    save_file(WEIGHTS | changed, directory / "model.safetensors")
    return directory


def test_what_can_be_trained_is_not_refused(tmp_path: Path) -> None:
    assert refuse(config(f"init_from={weights(tmp_path)}"), ONE) is None


@pytest.mark.parametrize("section", ["task", "model"])
def test_what_a_constructor_says_of_its_arguments_is_passed_on(section: str) -> None:
    wrong = {section: {"_target_": "fractions.Fraction", "numerator": "x"}}
    said = refuse(config(**wrong), ONE)
    assert said is not None
    assert said.startswith(f"{section} fractions.Fraction can't be built: Invalid literal")


def test_a_bug_of_a_constructor_is_no_refusal() -> None:
    assert refuse(config(model={"_target_": "fractions.Fraction", "numerator": 1, "denominator": 0}), ONE) is None


def test_a_metric_that_the_task_lacks_is_refused_with_those_that_it_has() -> None:
    said = refuse(config("checkpoint.metric=f2", "checkpoint.keep_best=1", "trainer.eval_every_steps=1"), ONE)
    assert said is not None
    assert said.startswith("checkpoint.metric=f2 is not a metric of this task; it has loss, accuracy")


def test_a_bug_of_a_tasks_metrics_is_no_refusal() -> None:
    best = config("checkpoint.keep_best=1", "trainer.eval_every_steps=1", task={"_target_": "builtins.object"})
    assert refuse(best, ONE) is None


@pytest.mark.parametrize(
    "overrides", [["checkpoint.metric=f2", "checkpoint.keep_best=0"], ["checkpoint=none"], ["checkpoint.metric=loss"]]
)
def test_a_metric_that_nobody_asks_for_need_not_be_there(overrides: list[str]) -> None:
    assert refuse(config(*overrides), ONE) is None


def test_weights_of_another_model_are_refused_for_a_new_run_only(tmp_path: Path) -> None:
    other = config(f"init_from={weights(tmp_path, bias=torch.ones(4))}")
    said = refuse(other, ONE)
    assert said is not None
    assert said.endswith("of another model than `model` describes: its bias has the shape [4], the model's [3]")
    assert refuse(other, ONE, is_new=False) is None


@pytest.mark.parametrize(
    ("content", "said"), [(b"?", "can't be read"), (b"\x08" + bytes(7) + b"{}      ", "it lacks bias")]
)
def test_files_that_hold_no_weights_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    assert said in (refuse_weights(nn.Linear(2, 3), tmp_path) or "")


def test_names_in_a_checkpoint_begin_with_model_and_its_other_tensors_do_not_count() -> None:
    found = {"model/weight": (3, 2), "optimizer/weight/exp_avg": (3, 2)}
    assert (weights_prefix(found), weights_prefix({"weight": ()})) == ("model/", "")
    assert other_model(found, {"weight": torch.ones(3, 2)}, where=Path("there")) is None
    assert other_model(found, {"bias": torch.ones(3)}, where=Path("there")) == (
        "there is of another model than `model` describes: it lacks bias"
    )
