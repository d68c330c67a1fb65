"""Successive halving, asynchronous: trials are compared at rungs, and the best go on.

ASHA, Li et al. 2020, https://arxiv.org/abs/1810.05934; brackets as in Hyperband, Li et al. 2018,
https://arxiv.org/abs/1603.06560. A trial that does not go on pauses: when later ones turn out worse, it goes on from
its checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from launcher.sweeps.ledger import FAILED, FINISHED, PAUSED, Trial, is_number


class Halving:
    """Which trials go on at each rung, from what the ledger knows alone.

    Rung k of bracket b lies after `min_evaluations * reduction_factor ** (k + b)` evaluations.
    """

    def __init__(self, *, metric: str, direction: str, min_evaluations: int, reduction_factor: int) -> None:
        self._metric, self._sign = metric, 1.0 if direction == "min" else -1.0
        self._first, self._factor = min_evaluations, reduction_factor

    def goes_on(self, trial: Trial, trials: Iterable[Trial]) -> bool:
        """Whether a trial that runs does so: always between two rungs, and on a rung if it is among the best there."""
        return self._rung(trial) != len(trial.reports) or self._is_among_best(trial, trials)

    def promoted(self, trials: Sequence[Trial]) -> Trial | None:
        """The paused trial that has come farthest and is now among the best of its rung."""
        able = [trial for trial in trials if trial.state == PAUSED and self._is_among_best(trial, trials)]
        return max(able, key=lambda trial: (len(trial.reports), -trial.number), default=None)

    def last_hope(self, trials: Sequence[Trial]) -> Trial | None:
        """The paused trial to finish where no other has: the best of those that came farthest."""
        if any(trial.state == FINISHED for trial in trials):
            return None
        paused = [trial for trial in trials if trial.state == PAUSED]
        return min(paused, key=lambda each: (-self._rung(each), self._value(each, self._rung(each))), default=None)

    def _rung(self, trial: Trial) -> int:
        """The last rung that a trial has reached, as a number of evaluations; 0 before the first."""
        rung, following = 0, self._first * self._factor**trial.bracket
        while following <= len(trial.reports):
            rung, following = following, following * self._factor
        return rung

    def _is_among_best(self, trial: Trial, trials: Iterable[Trial]) -> bool:
        """Of all trials that have reached its last rung up to now, the best of each `reduction_factor`."""
        rung = self._rung(trial)
        there = sorted(
            (self._value(each, rung), each.number)
            for each in trials
            if each.bracket == trial.bracket and len(each.reports) >= rung and each.state != FAILED
        )
        return (self._value(trial, rung), trial.number) in there[: len(there) // self._factor]

    def _value(self, trial: Trial, rung: int) -> float:
        """The best value of a trial up to a rung; smaller is better."""
        values = [report.get(self._metric) for report in trial.reports[:rung]]
        return min((self._sign * value for value in values if is_number(value)), default=float("inf"))


def bracket_of(number: int, *, num_brackets: int, reduction_factor: int) -> int:
    """Hyperband's bracket of a trial: each gets about the same number of steps, so later rungs have fewer trials."""
    sizes = [reduction_factor ** (num_brackets - 1 - bracket) for bracket in range(num_brackets)]
    place = number % sum(sizes)
    for bracket, size in enumerate(sizes):
        if place < size:
            return bracket
        place -= size
    raise AssertionError("a place lies within the sum of sizes")
