"""Pictures of a sweep, in one file that a browser opens without a network."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher.sweeps.ledger import FINISHED, Trial
from launcher.sweeps.search import add_trials, make_study

if TYPE_CHECKING:
    from launcher.config.multirun import Multirun

NEEDED = 2
"""Fewer finished trials make no picture."""


def write_plot(path: Path, trials: Sequence[Trial], multirun: Multirun) -> bool:
    """Write how values came about and what they depend on; returns whether there is a file.

    None is written with fewer than two finished trials, a space of nothing, or without Optuna and Plotly.
    """
    objectives = multirun.settings.objectives
    if sum(trial.state == FINISHED for trial in trials) < NEEDED or not multirun.space.dimensions:
        return False
    try:
        from optuna import visualization
    except ImportError:
        return False
    if not visualization.is_available():
        return False
    study = make_study(objectives)
    add_trials(study, trials, multirun.space.dimensions, objectives)
    if len(study.trials) < NEEDED:
        return False
    names = list(objectives)
    figures: list[Any] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # parts of Optuna that call themselves experimental
        if len(names) == 2:
            figures.append(visualization.plot_pareto_front(study, target_names=names))
        for place, name in enumerate(names):
            target = _value(place) if len(names) > 1 else None
            asked: dict[str, Any] = {"target": target, "target_name": name}
            figures.append(visualization.plot_optimization_history(study, **asked))
            figures.append(visualization.plot_parallel_coordinate(study, **asked))
            figures.append(visualization.plot_slice(study, **asked))
    parts = [figure.to_html(full_html=False, include_plotlyjs=number == 0) for number, figure in enumerate(figures)]
    page = f"<!doctype html><meta charset=utf-8><title>{path.parent.name}</title>{''.join(parts)}"
    path.write_text(page, encoding="utf-8")
    return True


def _value(place: int) -> Callable[[Any], float]:
    return lambda trial: trial.values[place]
