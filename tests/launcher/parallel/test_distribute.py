"""The parity matrix: each strategy, and strategies together, train exactly as one process does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.launcher.parallel.cases import ALONE, CASES, Case
from tests.launcher.parallel.matrix import OPTIMIZERS

Trained = Callable[[Case], Any]

EVERY_CASE = pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.name, marks=[pytest.mark.slow] * case.slow) for case in CASES]
)
WITH_EACH = pytest.mark.parametrize("optimizer", OPTIMIZERS)

LOSS_TOLERANCE, NORM_TOLERANCE, WEIGHT_TOLERANCE = 1e-5, 1e-4, 1e-4


@EVERY_CASE
@WITH_EACH
def test_the_loss_of_each_step_is_that_of_one_process(case: Case, optimizer: str, trained: Trained) -> None:
    spread, alone = trained(case)[optimizer], trained(ALONE[case.model])[optimizer]
    assert spread["loss"] == pytest.approx(alone["loss"], abs=LOSS_TOLERANCE, rel=0)


@EVERY_CASE
@WITH_EACH
def test_the_gradient_norm_of_each_step_is_that_of_one_process(case: Case, optimizer: str, trained: Trained) -> None:
    spread, alone = trained(case)[optimizer], trained(ALONE[case.model])[optimizer]
    assert spread["norm"] == pytest.approx(alone["norm"], rel=NORM_TOLERANCE)


@EVERY_CASE
def test_weights_begin_as_those_of_one_process(case: Case, trained: Trained) -> None:
    spread, alone = trained(case)["sgd"]["start"], trained(ALONE[case.model])["sgd"]["start"]
    assert [name for name, value in alone.items() if not torch.equal(spread[name], value)] == []


@EVERY_CASE
def test_weights_end_as_those_of_one_process(case: Case, trained: Trained) -> None:
    spread, alone = trained(case)["sgd"]["end"], trained(ALONE[case.model])["sgd"]["end"]
    apart = {name: (spread[name] - value).norm() / value.norm().clamp(min=1e-3) for name, value in alone.items()}
    assert {name: float(far) for name, far in apart.items() if far > WEIGHT_TOLERANCE} == {}


@EVERY_CASE
def test_an_evaluation_finds_what_one_process_finds(case: Case, trained: Trained) -> None:
    spread, alone = trained(case)["sgd"], trained(ALONE[case.model])["sgd"]
    assert spread["evaluation"] == pytest.approx(alone["evaluation"], rel=1e-4)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in ALONE.values()])
def test_one_process_moves_every_weight_and_is_clipped_on_the_way(case: Case, trained: Trained) -> None:
    alone = trained(case)["sgd"]
    assert [name for name, value in alone["start"].items() if torch.equal(alone["end"][name], value)] == []
    assert max(alone["norm"]) > 1.0
