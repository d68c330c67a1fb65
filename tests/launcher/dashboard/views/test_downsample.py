"""A line with fewer points looks the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launcher.dashboard.views.downsample import thin, window

numbers = st.floats(allow_nan=True, allow_infinity=True, width=64)


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=count)


def test_a_short_line_keeps_all_its_points() -> None:
    assert thin(noise(100), 100).tolist() == list(range(100))


@pytest.mark.parametrize("count", [101, 1_000, 9_999, 100_000])
def test_a_long_line_keeps_about_the_points_that_were_asked_for(count: int) -> None:
    assert 50 <= len(thin(noise(count), 100)) <= 100


def test_a_single_peak_is_kept_wherever_it_is() -> None:
    for peak in range(0, 10_000, 37):
        y = np.zeros(10_000)
        y[peak] = 1.0
        y[9_999 - peak] = -1.0
        assert {peak, 9_999 - peak} <= set(thin(y, 50).tolist())


def test_each_bucket_keeps_its_smallest_and_largest_value() -> None:
    y = noise(10_000)
    kept = thin(y, 1_002)
    for bucket in range(500):
        part = slice(20 * bucket, 20 * bucket + 20)
        inside = kept[(kept >= part.start) & (kept < part.stop)]
        assert y[part].min() == y[inside].min()
        assert y[part].max() == y[inside].max()


def test_a_gap_stays_where_it_is() -> None:
    y = noise(10_000)
    y[5_000:5_003] = np.nan
    kept = thin(y, 100)
    assert np.isnan(y[kept]).sum() == 1
    assert y[kept][np.isfinite(y[kept])].max() == np.nanmax(y)


def test_infinities_are_kept_and_hide_no_finite_peak() -> None:
    y = noise(10_000)
    y[[5_000, 5_001]] = [np.inf, -np.inf]
    y[5_002] = 1e6
    assert {5_000, 5_001, 5_002} <= set(thin(y, 100).tolist())


def test_a_line_of_nothing_but_nan_stays_one() -> None:
    kept = thin(np.full(10_000, np.nan), 100)
    assert 2 <= len(kept) <= 100


@settings(deadline=None)
@given(st.lists(numbers, max_size=400), st.integers(10, 50))
def test_whatever_the_values_are_the_ends_and_extremes_are_kept(values: list[float], points: int) -> None:
    y = np.array(values)
    kept = thin(y, points)
    assert np.all(np.diff(kept) > 0)
    if len(y):
        assert (kept[0], kept[-1]) == (0, len(y) - 1)
        finite, seen = y[np.isfinite(y)], y[kept][np.isfinite(y[kept])]
        assert len(finite) == 0 or (finite.min(), finite.max()) == (seen.min(), seen.max())
        for is_kind in (np.isnan, np.isposinf, np.isneginf):
            assert is_kind(y).any() == is_kind(y[kept]).any()


def test_a_window_reaches_to_the_neighbours_so_that_lines_leave_the_picture() -> None:
    x = np.arange(0.0, 100.0, 10.0)
    assert x[window(x, 25.0, 55.0)].tolist() == [20.0, 30.0, 40.0, 50.0, 60.0]
    assert x[window(x, None, 15.0)].tolist() == [0.0, 10.0, 20.0]
    assert x[window(x, 75.0, None)].tolist() == [70.0, 80.0, 90.0]


def test_a_window_between_two_points_shows_the_line_that_joins_them() -> None:
    x = np.arange(0.0, 100.0, 10.0)
    assert x[window(x, 42.0, 43.0)].tolist() == [40.0, 50.0]
    assert x[window(x, 200.0, None)].tolist() == [90.0]
    assert x[window(x, None, -1.0)].tolist() == [0.0]
    assert x[:0][window(x[:0], 1.0, 2.0)].tolist() == []
