"""A chart as SVG, which needs no script."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from launcher.dashboard.views.markup import Markup, tag

Floats = NDArray[np.float64]
WIDTH, HEIGHT = 440, 230
LEFT, RIGHT, TOP, BOTTOM = 58, 10, 8, 24
FARTHEST, NEAREST = 1e300, 1e-290
"""Values beyond, and differences below, can't be told apart: what is computed of them would be no number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One line of a chart."""

    x: Floats
    y: Floats
    colour: int  # the class `line-<n>` has it
    name: str


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to places on the paper."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, values: Floats) -> Floats:
        return self.start + (values - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, most: int) -> Iterator[tuple[float, float]]:
        """Round values, at most so many, with their places."""
        step = _round_step((self.high - self.low) / most)
        for number in range(math.ceil(self.low / step), math.floor(self.high / step) + 1):
            yield number * step, float(self(np.array(number * step)))


def chart(curves: Sequence[Curve], *, restarts: Sequence[float] = ()) -> Markup:
    """All curves over one pair of axes, with dashed lines where a run began again; gaps where values are not finite."""
    x = _scale([curve.x for curve in curves], LEFT, WIDTH - RIGHT)
    y = _scale([curve.y for curve in curves], HEIGHT - BOTTOM, TOP, margin=0.04)
    marks = [float(x(np.array(each))) for each in restarts if x.low <= each <= x.high]
    return tag(
        "svg",
        [_y_tick(value, place) for value, place in y.ticks(6)],
        [_x_tick(value, place) for value, place in x.ticks(6)],
        [tag("line", x1=_at(place), x2=_at(place), y1=TOP, y2=HEIGHT - BOTTOM, class_="restart") for place in marks],
        [_drawn(curve, x, y) for curve in curves],
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=", ".join(dict.fromkeys(curve.name for curve in curves)),
    )


def _scale(arrays: Sequence[Floats], start: float, end: float, *, margin: float = 0.0) -> _Scale:
    values = _near(np.concatenate([*arrays, np.empty(0)]))
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if high - low <= max(1e-12 * max(abs(low), abs(high)), NEAREST):
        around = max(abs(low) * 0.1, NEAREST)
        low, high = low - around, high + around
    around = (high - low) * margin
    return _Scale(low - around, high + around, start, end)


def _near(values: Floats) -> Floats:
    return np.where(np.isfinite(values), np.clip(values, -FARTHEST, FARTHEST), np.nan)


def _drawn(curve: Curve, x: _Scale, y: _Scale) -> list[Markup]:
    """Lines between points that follow each other, and dots for those that stand alone between gaps."""
    across, up = x(_near(curve.x)), y(_near(curve.y))
    finite = np.isfinite(across) & np.isfinite(up)
    edges = np.flatnonzero(np.diff(finite.astype(np.int8), prepend=0, append=0))
    lines, dots = "", ""
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        pairs = zip(across[start:end].tolist(), up[start:end].tolist(), strict=True)
        points = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in pairs)
        if end - start > 1:
            lines += points
        else:
            dots += f"{points}h0"  # the round ends of no line
    colour = f"line-{curve.colour}"
    return [tag("path", d=d, class_=kind) for d, kind in ((lines, colour), (dots, f"{colour} dots")) if d]


def _y_tick(value: float, place: float) -> list[Markup]:
    return [
        tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=_at(place), y2=_at(place), class_="grid"),
        tag("text", f"{value:.4g}", x=LEFT - 6, y=_at(place + 4), text_anchor="end"),
    ]


def _x_tick(value: float, place: float) -> Markup:
    return tag("text", f"{value:.6g}", x=_at(place), y=HEIGHT - 8, text_anchor="middle")


def _at(place: float) -> str:
    return f"{place:.1f}"


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10, 20) if step * power >= least)
