"""Lines of charts: metrics of runs over steps, time or tokens, smoothed, thinned, or only what is new."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from launcher.dashboard.reading.opened import SYSTEM
from launcher.dashboard.views.axes import Axis, axis_of
from launcher.dashboard.views.downsample import thin, window
from launcher.dashboard.views.held import held
from launcher.dashboard.views.smooth import smoothed
from launcher.errors import RequestError

if TYPE_CHECKING:
    from launcher.dashboard.reading.opened import OpenRun

Floats = NDArray[np.float64]
MAX_WEIGHT = 0.999
LEAST_POINTS, MOST_POINTS = 10, 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A metric of a run, as a chart draws it; all arrays are of one length."""

    run: str  # key
    metric: str
    x: Floats
    y: Floats
    smoothed: Floats | None
    total: int  # points of the metric before thinning


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What was asked for, and what is needed to ask for what comes after."""

    lines: list[Line]
    x: str  # one of AXES
    smoothed: bool  # whether each line is
    cursors: dict[str, str] = field(default_factory=dict)  # run -> what its lines reach to
    reset: list[str] = field(default_factory=list)  # runs of which nothing is here since they must be read anew
    restarts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # run -> {"attempt", "x"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How lines are drawn.

    Raises:
        RequestError: a value is out of range.
    """

    x: str = "step"
    smooth: float = 0.0  # weight of the past, as in TensorBoard
    points: int = 1000  # of a line, about
    low: float | None = None  # the part of the x axis that is seen
    high: float | None = None

    def __post_init__(self) -> None:
        axis_of(self.x)
        if not 0 <= self.smooth <= MAX_WEIGHT:
            raise RequestError(f"smooth={self.smooth} must lie between 0 and {MAX_WEIGHT}; use smooth=0.6")
        if not LEAST_POINTS <= self.points <= MOST_POINTS:
            raise RequestError(
                f"points={self.points} must lie between {LEAST_POINTS} and {MOST_POINTS}; use points=1000"
            )


def lines(
    runs: Iterable[OpenRun],
    *,
    names: Sequence[str],
    drawing: Drawing | None = None,
    after: Mapping[str, str] | None = None,
) -> Lines:
    """Lines of all metrics in `names` that a run has; "*" names all but those of the system.

    `after` gives for some runs (by key) the cursor up to which their lines are known: only points that came later are
    in the answer, all of them, and smoothed as if the whole line were. Metrics that a cursor does not know come whole.
    """
    drawing = drawing or Drawing()
    found = Lines(lines=[], x=drawing.x, smoothed=drawing.smooth > 0)
    for run in runs:
        key, state = run.place.key, held(run)
        with state.lock:
            found.cursors[key] = state.cursor(run)
            axis = axis_of(drawing.x)(run)
            found.restarts[key] = restarts(run, axis)
            if after is None or key not in after:
                found.lines.extend(_whole(run, names, axis, drawing))
                continue
            seen = state.seen(run, after[key])
            if seen is None:
                found.reset.append(key)
            else:
                found.lines.extend(_new(run, names, axis, drawing, seen))
    return found


def chosen(run: OpenRun, names: Sequence[str]) -> list[str]:
    """The metrics of a run that names mean, each once."""
    known = run.names()
    wanted = {name for name in known if not name.startswith(SYSTEM)} if "*" in names else set()
    return [name for name in known if name in wanted or name in names]


def restarts(run: OpenRun, axis: Axis) -> list[dict[str, Any]]:
    """Where on the x axis a run began again."""
    return [{"attempt": each.attempt, "x": axis.restart(each)} for each in run.restarts]


def _whole(run: OpenRun, names: Sequence[str], axis: Axis, drawing: Drawing) -> Iterator[Line]:
    for name in chosen(run, names):
        series = run.series(name)
        x, y = axis.x(series), series.values
        part = slice(None) if drawing.low is drawing.high is None else window(x, drawing.low, drawing.high)
        kept = thin(y[part], drawing.points)
        smooth = smoothed(y, drawing.smooth)[part][kept] if drawing.smooth > 0 else None
        yield Line(run=run.place.key, metric=name, x=x[part][kept], y=y[part][kept], smoothed=smooth, total=len(y))


def _new(run: OpenRun, names: Sequence[str], axis: Axis, drawing: Drawing, seen: Mapping[str, int]) -> Iterator[Line]:
    for name in chosen(run, names):
        series, first = run.series(name), seen.get(name, 0)
        y = series.values
        if first >= len(y):
            continue
        x = axis.x(series)[first:]
        smooth = smoothed(y, drawing.smooth)[first:] if drawing.smooth > 0 else None
        yield Line(run=run.place.key, metric=name, x=x, y=y[first:], smoothed=smooth, total=len(y))
