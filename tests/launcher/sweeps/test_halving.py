"""Which trials go on at a rung."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from launcher.sweeps.halving import Halving, bracket_of
from launcher.sweeps.ledger import FAILED, PAUSED, RUNNING, Trial

LOSSES = Halving(metric="loss", direction="min", min_evaluations=1, reduction_factor=3)


def trial(number: int, *losses: float, state: str = PAUSED, bracket: int = 0) -> Trial:
    reports = [{"loss": loss} for loss in losses]
    return Trial(number=number, overrides={}, state=state, reports=reports, bracket=bracket)


def test_too_few_to_compare_all_pause() -> None:
    trials = [trial(0, 1.0, state=RUNNING), trial(1, 2.0)]
    assert not LOSSES.goes_on(trials[0], trials)
    assert LOSSES.promoted(trials) is None


def test_the_best_third_goes_on() -> None:
    trials = [trial(number, float(number), state=RUNNING) for number in range(6)]
    assert [LOSSES.goes_on(each, trials) for each in trials] == [True, True, False, False, False, False]


def test_a_larger_metric_may_be_better() -> None:
    accuracy = Halving(metric="loss", direction="max", min_evaluations=1, reduction_factor=3)
    trials = [trial(number, float(number)) for number in range(3)]
    assert accuracy.promoted(trials) is trials[2]


def test_between_two_rungs_a_trial_goes_on() -> None:
    trials = [trial(0, 9.0, 9.0, state=RUNNING), trial(1, 1.0), trial(2, 2.0), trial(3, 3.0)]
    assert LOSSES.goes_on(trials[0], trials)


def test_a_paused_trial_is_promoted_when_later_ones_are_worse() -> None:
    trials = [trial(0, 1.0), trial(1, 2.0)]
    assert LOSSES.promoted(trials) is None
    trials.append(trial(2, 3.0))
    assert LOSSES.promoted(trials) is trials[0]


def test_the_one_that_came_farthest_is_promoted_first() -> None:
    far = [trial(number, *[float(number)] * 3) for number in range(3)]
    near = [trial(number, float(number)) for number in range(3, 12)]
    assert LOSSES.promoted([*near, *far]) is far[0]


def test_a_trial_that_overshot_its_rung_is_judged_by_what_it_was_there() -> None:
    overshot = trial(0, 5.0, 0.1)
    trials = [overshot, trial(1, 1.0), trial(2, 2.0)]
    assert LOSSES.promoted(trials) is trials[1]


def test_failed_trials_and_other_brackets_do_not_count() -> None:
    trials = [trial(0, 1.0), trial(1, 2.0, state=FAILED), trial(2, 3.0, bracket=1), trial(3, 4.0)]
    assert LOSSES.promoted(trials) is None


def test_a_value_that_is_no_number_is_the_worst() -> None:
    trials = [trial(0, float("nan")), trial(1, 5.0), trial(2, float("inf"))]
    assert LOSSES.promoted(trials) is trials[1]


@pytest.mark.parametrize(("reports", "on_rung"), [(1, False), (2, True), (3, False), (6, True), (18, True)])
def test_rungs_lie_a_factor_apart(reports: int, on_rung: bool) -> None:
    halving = Halving(metric="loss", direction="min", min_evaluations=2, reduction_factor=3)
    alone = trial(0, *[1.0] * reports, state=RUNNING)
    assert halving.goes_on(alone, [alone]) is not on_rung


def test_brackets_of_hyperband_begin_at_later_rungs_and_have_fewer_trials() -> None:
    counts = Counter(bracket_of(number, num_brackets=3, reduction_factor=3) for number in range(26))
    assert counts == {0: 18, 1: 6, 2: 2}
    late = trial(0, 1.0, 1.0, state=RUNNING, bracket=1)
    assert LOSSES.goes_on(late, [late])


def simulated(losses: Sequence[float], *, evaluations: int) -> tuple[int, int]:
    """Trials one after the other, each with one loss for ever: how many evaluations, and which came farthest."""
    trials: list[Trial] = []
    made = 0
    while True:
        chosen = LOSSES.promoted(trials)
        if chosen is None:
            if len(trials) == len(losses):
                return made, max(trials, key=lambda each: len(each.reports)).number
            chosen = trial(len(trials))
            trials.append(chosen)
        chosen.state = RUNNING
        while len(chosen.reports) < evaluations:
            chosen.reports.append({"loss": losses[chosen.number]})
            made += 1
            if not LOSSES.goes_on(chosen, trials):
                break
        chosen.state = "finished" if len(chosen.reports) == evaluations else PAUSED


def test_a_good_one_among_many_bad_ones_is_found_with_far_less_than_all_evaluations() -> None:
    losses = [1.0 + number / 100 for number in range(27)]
    losses[13] = 0.1
    made, farthest = simulated(losses, evaluations=27)
    assert farthest == 13
    assert made < 27 * 27 / 2
