"""Which configs a sweep tries next. The answer depends on the seed, the number of the trial and the ledger alone."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from launcher.config.space import Choices, Dimension, Interval
from launcher.errors import RequestError
from launcher.sweeps.ledger import FAILED, FINISHED, PRUNED, Trial, is_number

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler

    from launcher.config.multirun import Multirun


class Search(Protocol):
    """A way to choose configs."""

    def propose(self, trials: Sequence[Trial]) -> dict[str, str] | None:
        """The overrides of the next trial, None where there is no other."""
        ...


def make_search(multirun: Multirun) -> Search:
    """The search that `sweep.algorithm` names.

    Raises:
        RequestError: the space does not go with it, or Optuna is not installed.
    """
    settings, space = multirun.settings, multirun.space
    if settings.algorithm == "grid":
        for key, dimension in space.dimensions.items():
            if isinstance(dimension, Interval):
                raise RequestError(
                    f"{key} has an interval, and a grid needs values; use sweep=random or sweep=tpe, or list values"
                )
        if space.size > settings.max_grid_size and settings.num_trials is None:
            raise RequestError(
                f"the grid has {space.size:.0f} combinations, more than sweep.max_grid_size={settings.max_grid_size}; "
                f"type sweep.max_grid_size={space.size:.0f} if you mean it, or search: sweep=tpe sweep.num_trials=50"
            )
        return Grid(multirun)
    if not space.dimensions:
        raise RequestError(
            f"sweep={settings.algorithm} has nothing to search; give a key several values or an interval, such as "
            "'optimizer.lr=tag(log,interval(1e-5,1e-1))'"
        )
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        raise RequestError(
            f"sweep={settings.algorithm} needs Optuna; type pip install 'windlass[sweeps]', or use sweep=grid"
        ) from error
    return Sampled(multirun)


class Grid:
    """Every combination, in order."""

    def __init__(self, multirun: Multirun) -> None:
        self._space, self._most = multirun.space, multirun.settings.num_trials
        self._left: Iterator[dict[str, str]] | None = None

    def propose(self, trials: Sequence[Trial]) -> dict[str, str] | None:
        """The first combination that no trial has."""
        if self._most is not None and len(trials) >= self._most:
            return None
        if self._left is None:
            known = {tuple(sorted(trial.overrides.items())) for trial in trials}
            combinations = self._space.combinations()
            self._left = (each for each in combinations if tuple(sorted(each.items())) not in known)
        return next(self._left, None)


class Sampled:
    """Configs drawn by one of Optuna's samplers: at random, or where past trials were good (TPE).

    ASHA draws at random, as its paper does; Hyperband by TPE within each bracket would be BOHB, and is not done.
    """

    def __init__(self, multirun: Multirun) -> None:
        self._settings, self._space = multirun.settings, multirun.space

    def propose(self, trials: Sequence[Trial]) -> dict[str, str] | None:
        """The next draw."""
        assert self._settings.num_trials is not None
        if len(trials) >= self._settings.num_trials:
            return None
        study = make_study(self._settings.objectives, self._sampler(len(trials)))
        if self._settings.algorithm == "tpe":
            add_trials(study, trials, self._space.dimensions, self._settings.objectives, running=True)
        drawn = study.ask(_distributions(self._space.dimensions)).params
        return {key: _text(dimension, drawn[key]) for key, dimension in self._space.dimensions.items()}

    def _sampler(self, number: int) -> BaseSampler:
        from optuna.samplers import RandomSampler, TPESampler

        seed = int(np.random.SeedSequence([self._settings.seed, number]).generate_state(1)[0])
        if self._settings.algorithm == "tpe":
            return TPESampler(seed=seed)
        return RandomSampler(seed=seed)


def make_study(objectives: dict[str, str], sampler: BaseSampler | None = None) -> Study:
    """An empty study in memory."""
    import optuna
    from optuna.study import StudyDirection

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    ends = {"min": StudyDirection.MINIMIZE, "max": StudyDirection.MAXIMIZE}
    directions = [ends[direction] for direction in objectives.values()]
    return optuna.create_study(directions=directions, sampler=sampler)


def add_trials(
    study: Study,
    trials: Sequence[Trial],
    dimensions: Any,
    objectives: dict[str, str],
    *,
    running: bool = False,
) -> None:
    """Tell a study what the ledger knows; trials that the space no longer holds are left out."""
    from optuna.trial import TrialState, create_trial

    distributions = _distributions(dimensions)
    for trial in trials:
        params = _params(trial, dimensions)
        if params is None:
            continue
        values = scores(trial, objectives)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of choices that are no numbers
            if values is not None:
                study.add_trial(create_trial(params=params, distributions=distributions, values=values))
            elif running and trial.state != FAILED:
                state = TrialState.RUNNING
                study.add_trial(create_trial(state=state, params=params, distributions=distributions))


def scores(trial: Trial, objectives: dict[str, str]) -> list[float] | None:
    """The value of each objective: at the end, or for a trial that was pruned its last; None without them."""
    if trial.state == FINISHED:
        found = trial.values
    elif trial.state == PRUNED and trial.reports:
        found = trial.reports[-1]
    else:
        return None
    values = [value for metric in objectives if is_number(value := found.get(metric))]
    return values if len(values) == len(objectives) else None


def _distributions(dimensions: Any) -> dict[str, BaseDistribution]:
    return {key: _distribution(dimension) for key, dimension in dimensions.items()}


def _distribution(dimension: Dimension) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(dimension, Choices):
        return CategoricalDistribution(dimension.values)
    if dimension.whole:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _text(dimension: Dimension, value: Any) -> str:
    """A drawn value as it is typed; numbers are given in full."""
    return value if isinstance(dimension, Choices) else repr(value)


def _params(trial: Trial, dimensions: Any) -> dict[str, Any] | None:
    params: dict[str, Any] = {}
    for key, dimension in dimensions.items():
        text = trial.overrides.get(key)
        if text is None:
            return None
        if isinstance(dimension, Choices):
            if text not in dimension.values:
                return None
            params[key] = text
            continue
        params[key] = int(text) if dimension.whole else float(text)
        if not dimension.low <= params[key] <= dimension.high:
            return None
    return params
