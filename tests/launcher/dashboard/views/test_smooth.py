"""Smoothing is TensorBoard's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launcher.dashboard.views.smooth import smoothed


def tensorboard(values: list[float], weight: float) -> list[float]:
    """What TensorBoard's line chart does (`resmoothDataset` in line_chart.ts)."""
    last, count, found = 0.0, 0, []
    for value in values:
        if not math.isfinite(value):
            found.append(value)
            continue
        last = last * weight + (1 - weight) * value
        count += 1
        found.append(last / (1 - weight**count))
    return found


@pytest.mark.parametrize("weight", [0.1, 0.6, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("count", [1, 2, 3, 127, 128, 129, 3_000])
def test_each_average_is_that_of_tensorboard(weight: float, count: int) -> None:
    y = np.random.default_rng(count).normal(size=count) * 100
    assert smoothed(y, weight) == pytest.approx(tensorboard(y.tolist(), weight), rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(st.lists(st.floats(width=32), max_size=300), st.sampled_from([0.3, 0.9, 0.999]))
def test_nan_and_infinity_stay_and_weigh_nothing(values: list[float], weight: float) -> None:
    y = np.array(values)
    largest = max((abs(value) for value in values if math.isfinite(value)), default=1.0)
    expected = tensorboard(values, weight)
    assert smoothed(y, weight) == pytest.approx(expected, rel=1e-9, abs=1e-12 * largest + 1e-300, nan_ok=True)


def test_no_weight_smooths_nothing() -> None:
    y = np.array([3.0, 1.0, np.nan])
    assert smoothed(y, 0.0).tobytes() == y.tobytes()


def test_a_constant_has_no_noise_of_rounding() -> None:
    assert set(smoothed(np.full(1_000, 0.1), 0.99).tolist()) == {0.1}


def test_more_points_change_nothing_of_those_before() -> None:
    y = np.random.default_rng(1).normal(size=1_000)
    assert smoothed(y, 0.9)[:700] == pytest.approx(smoothed(y[:700], 0.9), rel=1e-12)
