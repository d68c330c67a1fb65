"""Every model and data set in `conf/` trains for a few steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import launcher
from launcher.runs import Run
from tests.settings import SETTINGS

CONF = Path(launcher.__file__).parents[1] / "conf"


QUICK = ("linear", "cnn", "lstm", "bert", "gpt2", "moe_tiny")
"""The others train in the slow suite; the default, gpt_tiny, trains in many tests."""


@pytest.mark.parametrize(
    ("model", "dataset", "overrides"),
    [
        pytest.param(*setting, id=f"{setting[0]}-{setting[1]}", marks=[pytest.mark.slow] * (setting[0] not in QUICK))
        for setting in SETTINGS
    ],
)
def test_it_trains_and_evaluates(train: Callable[..., Run], model: str, dataset: str, overrides: list[str]) -> None:
    run = train(f"model={model}", f"dataset={dataset}", "trainer.max_steps=3", "trainer.log_every_steps=1", *overrides)
    assert len(run.history("step")) == 3
    assert any(name.endswith("/loss") for name in run.metrics)


def test_the_table_names_every_model_in_conf() -> None:
    assert {path.stem for path in (CONF / "model").glob("*.yaml")} == {model for model, _, _ in SETTINGS}
