"""Which trials are best."""

from __future__ import annotations

from collections.abc import Sequence

from launcher.sweeps.ledger import FINISHED, Trial, is_number


def find_best(trials: Sequence[Trial], objectives: dict[str, str]) -> list[Trial]:
    """The finished trial with the best value; with several objectives the Pareto front, best first by the first one.

    A trial is on the front if no other is at least as good in all objectives and better in one.
    """
    finished = [
        trial
        for trial in trials
        if trial.state == FINISHED and all(is_number(trial.values.get(metric)) for metric in objectives)
    ]
    costs = {trial.number: cost(trial, objectives) for trial in finished}
    finished.sort(key=lambda trial: (costs[trial.number], trial.number))
    front: list[Trial] = []
    for trial in finished:  # what is better than it in this order came before, or something still better did
        if not any(_dominates(costs[other.number], costs[trial.number]) for other in front):
            front.append(trial)
    return front if len(objectives) > 1 else front[:1]


def cost(trial: Trial, objectives: dict[str, str]) -> tuple[float, ...]:
    """Final values, smaller is better."""
    return tuple(trial.values[metric] * (1 if direction == "min" else -1) for metric, direction in objectives.items())


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other
