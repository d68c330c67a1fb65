"""Fewer points of a line, chosen so that it looks the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


def thin(y: Floats, points: int) -> Indices:
    """Indices, growing, of about `points` values at most that show all of `y`.

    The values are cut into buckets of equal length. Of each, the smallest and the largest finite value stay, and the
    first NaN, infinity and negative infinity, so that peaks and gaps stay where they are; the first and the last value
    stay, too. Values that are not finite may bring more than `points`, up to five a bucket.
    """
    if len(y) <= max(points, 2):
        return np.arange(len(y))
    buckets = max(1, (points - 2) // 2)
    width = -(-len(y) // buckets)
    chosen = np.zeros(len(y), dtype=bool)
    chosen[[0, -1]] = True
    finite = np.isfinite(y)
    if finite.all():
        _mark(chosen, y, width)
    else:
        _mark(chosen, np.where(finite, y, np.nan), width)
        for kind in (np.isnan(y), np.isposinf(y), np.isneginf(y)):
            _mark_first(chosen, kind, width)
    return np.flatnonzero(chosen)


def window(x: Floats, low: float | None, high: float | None) -> slice:
    """Where `x` lies between `low` and `high`, with a neighbour at each side, so that lines leave the picture.

    Values that go back (a clock that was set) are taken along where they lie between others that are inside.
    """
    least = -np.inf if low is None else low
    found = np.flatnonzero((x >= least) & (x <= (np.inf if high is None else high)))
    if len(found):
        return slice(max(0, int(found[0]) - 1), int(found[-1]) + 2)
    after = int(np.count_nonzero(x < least))  # a window between two points
    return slice(max(0, after - 1), after + 1)


def _mark(chosen: NDArray[np.bool_], y: Floats, width: int) -> None:
    """Mark the smallest and the largest of each bucket; NaN stands for what is none of both."""
    whole = len(y) // width * width
    for start, part in ((0, y[:whole].reshape(-1, width)), (whole, y[whole:].reshape(1, -1))):
        if part.size == 0:
            continue
        offsets = start + np.arange(len(part)) * width
        holes = np.isnan(part)
        some = ~holes.all(axis=1)
        least = np.where(holes, np.inf, part).argmin(axis=1)
        most = np.where(holes, -np.inf, part).argmax(axis=1)
        chosen[(offsets + least)[some]] = True
        chosen[(offsets + most)[some]] = True


def _mark_first(chosen: NDArray[np.bool_], kind: NDArray[np.bool_], width: int) -> None:
    """Mark the first of each bucket that is of a kind."""
    found = np.flatnonzero(kind)
    _, first = np.unique(found // width, return_index=True)
    chosen[found[first]] = True
