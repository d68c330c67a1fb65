"""What a sweep found: the best trials, what mattered, and what it cost."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from launcher.sweeps.best import find_best
from launcher.sweeps.ledger import FAILED, FINISHED, PRUNED, is_number
from launcher.sweeps.search import add_trials, make_study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launcher.config.multirun import Multirun
    from launcher.sweeps.ledger import Trial
    from launcher.sweeps.record import Record

NEEDED = 4
"""Fewer finished trials say nothing of importance."""
SHOWN = 10


def make_report(record: Record) -> dict[str, Any]:
    """All of it as plain values."""
    trials, multirun = record.trials(), record.multirun
    objectives = multirun.settings.objectives
    states = [trial.state for trial in trials]
    return {
        "id": record.id,
        "state": record.state,
        "objectives": objectives,
        "trials": {state: states.count(state) for state in dict.fromkeys(states)},
        "best": [describe(record, trial) for trial in find_best(trials, objectives)],
        "importance": importance(trials, multirun),
        "device_hours": hours(trials),
    }


def describe(record: Record, trial: Trial) -> dict[str, Any]:
    """A trial in one flat object."""
    return {
        "trial": trial.number,
        "run": record.run(trial).id,
        "state": trial.state,
        "overrides": trial.overrides,
        "values": trial.values or (trial.reports[-1] if trial.reports else {}),
        "evaluations": len(trial.reports),
        "device_seconds": trial.device_seconds,
        "reason": trial.reason,
    }


def hours(trials: Sequence[Trial]) -> dict[str, float]:
    """Device-hours: spent in all, lost to failures, and saved by pruning.

    A pruned trial is taken to have cost as much as the mean of those that finished, had it gone on.
    """
    finished = [trial.device_seconds for trial in trials if trial.state == FINISHED]
    whole = sum(finished) / len(finished) if finished else 0.0
    saved = sum(max(0.0, whole - trial.device_seconds) for trial in trials if trial.state == PRUNED)
    lost = sum(trial.device_seconds for trial in trials if trial.state == FAILED)
    spent = sum(trial.device_seconds for trial in trials)
    return {"spent": spent / 3600, "lost": lost / 3600, "saved": saved / 3600}


def importance(trials: Sequence[Trial], multirun: Multirun) -> dict[str, float]:
    """How much of the variance of the first objective each key explains, most first (Optuna's fANOVA).

    Empty with too few trials that finished, or without Optuna.
    """
    metric, direction = next(iter(multirun.settings.objectives.items()))
    finished = [trial for trial in trials if trial.state == FINISHED and is_number(trial.values.get(metric))]
    if len(finished) < NEEDED or len({trial.values[metric] for trial in finished}) < 2:
        return {}
    try:
        import optuna
    except ImportError:
        return {}
    study = make_study({metric: direction})
    add_trials(study, finished, multirun.space.dimensions, {metric: direction})
    if len(study.trials) < NEEDED:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dict(optuna.importance.get_param_importances(study))


def show_report(record: Record, console: Console) -> None:
    """Print it."""
    report = make_report(record)
    objectives = report["objectives"]
    counts = ", ".join(f"{number} {state}" for state, number in report["trials"].items())
    console.print(Text(f"sweep {record.id}: {report['state']} ({counts})", style="bold"))
    if report["best"]:
        table = Table(title="best" if len(objectives) == 1 else "Pareto front", title_justify="left")
        for name in ("trial", *objectives, "overrides"):
            table.add_column(name, overflow="fold", no_wrap=name == "trial")
        for trial in report["best"][:SHOWN]:
            typed = " ".join(f"{key}={value}" for key, value in trial["overrides"].items())
            table.add_row(trial["run"], *(f"{trial['values'][metric]:.6g}" for metric in objectives), Text(typed))
        console.print(table)
    if report["importance"]:
        shares = "  ".join(f"{key} {share:.0%}" for key, share in report["importance"].items())
        console.print(Text(f"importance: {shares}"), soft_wrap=True)
    cost = report["device_hours"]
    console.print(Text(f"device-hours: {cost['spent']:.4f} spent, {cost['saved']:.4f} saved, {cost['lost']:.4f} lost"))
    console.print(
        Text(f"next: windlass sweeps show {record.id}    windlass sweeps export {record.id} --csv"), soft_wrap=True
    )
