"""Smoothing as TensorBoard does it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def smoothed(y: Floats, weight: float) -> Floats:
    """The exponential moving average of `y` without the bias of its beginning, as TensorBoard draws it.

    Each average is `weight` times the one before and `1 - weight` times the value, divided by `1 - weight ** n` after
    `n` values. NaN and infinities stay as they are and weigh nothing. `weight` lies between 0 (nothing is smoothed)
    and 1 (exclusive).
    """
    finite = np.isfinite(y)
    values = y[finite]
    result = y.copy()
    if weight <= 0 or len(values) == 0 or values.min() == values.max():
        return result  # a constant stays what it is, without the noise of rounding
    debias = -np.expm1(np.log(weight) * np.arange(1, len(values) + 1))
    result[finite] = _averages(values, weight) / debias
    return result


def _averages(values: Floats, weight: float) -> Floats:
    """The average after each value, from 0 on.

    Each pass doubles how many values are summed up: with those of twice as many before, decayed by what lies between.
    """
    averages = (1 - weight) * values
    reach, decay = 1, weight
    while reach < len(values) and decay > 0:
        averages[reach:] += decay * averages[:-reach]
        reach, decay = 2 * reach, decay * decay
    return averages
