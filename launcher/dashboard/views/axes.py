"""What a chart has below it: steps, time, or tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from launcher.errors import RequestError

if TYPE_CHECKING:
    from launcher.dashboard.reading.opened import OpenRun, Restart, Series

Floats = NDArray[np.float64]


class Axis(Protocol):
    """The x axis of one run's lines."""

    def x(self, series: Series) -> Floats:
        """Where the points of a metric lie."""
        ...

    def restart(self, restart: Restart) -> float:
        """Where the run began again."""
        ...


class Steps:
    """Optimizer steps, or whatever the run counted."""

    def __init__(self, run: OpenRun) -> None:
        pass

    def x(self, series: Series) -> Floats:
        return series.steps

    def restart(self, restart: Restart) -> float:
        return restart.step


class Time:
    """Unix seconds."""

    def __init__(self, run: OpenRun) -> None:
        self._start = 0.0

    def x(self, series: Series) -> Floats:
        return series.times - self._start

    def restart(self, restart: Restart) -> float:
        return restart.time - self._start


class Relative(Time):
    """Seconds since the run began."""

    def __init__(self, run: OpenRun) -> None:
        self._start = began(run)


class Tokens:
    """Tokens seen. What was logged without them, such as an evaluation, lies where its step does; NaN without any."""

    def __init__(self, run: OpenRun) -> None:
        self._steps, self._tokens = _counted(run)

    def x(self, series: Series) -> Floats:
        return self._at(series.steps) if series.tokens is None else series.tokens

    def restart(self, restart: Restart) -> float:
        return float(self._at(np.array([restart.step]))[0])

    def _at(self, steps: Floats) -> Floats:
        if len(self._steps) == 0:
            return np.full(len(steps), np.nan)
        return np.interp(steps, self._steps, self._tokens)


AXES: dict[str, Callable[[OpenRun], Axis]] = {"step": Steps, "time": Time, "relative": Relative, "tokens": Tokens}


def axis_of(name: str) -> Callable[[OpenRun], Axis]:
    """The axis of a name.

    Raises:
        RequestError: there is none.
    """
    if name not in AXES:
        raise RequestError(f"x={name!r} is no axis; use {', '.join(list(AXES)[:-1])} or {list(AXES)[-1]}")
    return AXES[name]


def axes_of(run: OpenRun) -> list[str]:
    """Names of the axes that a run has."""
    return [name for name in AXES if name != "tokens" or len(_counted(run)[0])]


def began(run: OpenRun) -> float:
    """Unix seconds at which a run began: as it says, else its first point; 0 where it has none."""
    if run.info.started is not None:
        return run.info.started
    return min((float(times[0]) for name in run.names() if len(times := run.series(name).times)), default=0.0)


def _counted(run: OpenRun) -> tuple[Floats, Floats]:
    """Steps and the tokens at each, of the first metric that has them."""
    for name in run.names():
        series = run.series(name)
        if series.tokens is not None and len(series.tokens):
            return series.steps, series.tokens
    return np.empty(0), np.empty(0)
