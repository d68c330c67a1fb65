"""Which trials are best."""

from __future__ import annotations

import math
from typing import Any

import pytest

from launcher.sweeps.best import find_best
from launcher.sweeps.ledger import FAILED, FINISHED, PAUSED, PRUNED, RUNNING, STOPPED, Trial

TWO = {"loss": "min", "accuracy": "max"}


def trial(number: int, *, state: str = FINISHED, **values: Any) -> Trial:
    return Trial(number=number, overrides={}, state=state, values=values)


def numbers(trials: list[Trial]) -> list[int]:
    return [trial.number for trial in trials]


@pytest.mark.parametrize(("direction", "best"), [("min", [1]), ("max", [2])])
def test_the_best_has_the_value_at_the_better_end(direction: str, best: list[int]) -> None:
    trials = [trial(0, loss=2.0), trial(1, loss=-1.0), trial(2, loss=3.0)]
    assert numbers(find_best(trials, {"loss": direction})) == best


def test_of_equals_the_first_is_best() -> None:
    assert numbers(find_best([trial(0, loss=2.0), trial(1, loss=1.0), trial(2, loss=1.0)], {"loss": "min"})) == [1]


@pytest.mark.parametrize("state", [FAILED, PAUSED, PRUNED, RUNNING, STOPPED])
def test_only_a_trial_that_finished_is_best(state: str) -> None:
    assert numbers(find_best([trial(0, state=state, loss=0.0), trial(1, loss=9.0)], {"loss": "min"})) == [1]


@pytest.mark.parametrize("direction", ["min", "max"])
@pytest.mark.parametrize("values", [{"loss": None}, {"loss": math.nan}, {"loss": math.inf}, {"loss": -math.inf}, {}])
def test_a_value_that_is_no_number_is_never_best(values: dict[str, Any], direction: str) -> None:
    assert numbers(find_best([trial(0, **values), trial(1, loss=9.0)], {"loss": direction})) == [1]
    assert find_best([trial(0, **values)], {"loss": direction}) == []


def test_of_several_objectives_the_front_is_what_nothing_else_beats_in_all() -> None:
    trials = [
        trial(0, loss=1.0, accuracy=0.5),
        trial(1, loss=3.0, accuracy=0.9),
        trial(2, loss=3.0, accuracy=0.8),  # as good as 1 in one, worse in the other
        trial(3, loss=0.5, accuracy=0.1),
        trial(4, loss=4.0, accuracy=None),
    ]
    assert numbers(find_best(trials, TWO)) == [3, 0, 1]


def test_equals_share_the_front() -> None:
    assert numbers(find_best([trial(0, loss=1.0, accuracy=0.5), trial(1, loss=1.0, accuracy=0.5)], TWO)) == [0, 1]
