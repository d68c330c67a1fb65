"""A checkpoint saved under any strategy loads under any other, and training goes on as in one process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.launcher.parallel.cases import ALONE, CASES, Case

Resumed = Callable[[Case], Any]

QUICK = ("fsdp", "gpt alone")
EVERY_CASE = pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name, marks=[pytest.mark.slow] * (case.name not in QUICK))
        for case in [*CASES, *ALONE.values()]
    ],
)


@EVERY_CASE
def test_losses_after_another_strategys_checkpoint_are_those_of_one_process(
    case: Case, resumed: Resumed, undisturbed: Resumed
) -> None:
    assert resumed(case)["loss"] == pytest.approx(undisturbed(ALONE[case.model])["loss"], abs=1e-5, rel=0)


@EVERY_CASE
def test_weights_after_another_strategys_checkpoint_are_those_of_one_process(
    case: Case, resumed: Resumed, undisturbed: Resumed
) -> None:
    found, alone = resumed(case)["end"], undisturbed(ALONE[case.model])["end"]
    apart = {name: (found[name] - value).norm() / value.norm().clamp(min=1e-3) for name, value in alone.items()}
    assert {name: float(far) for name, far in apart.items() if not torch.isfinite(far) or far > 1e-4} == {}
