"""Scaling is fitted in one pass over batches and applied alike."""

from __future__ import annotations

import json

import numpy as np
import pytest

from launcher.data.scaling import Moments, Scaling, fit_scaling

VALUES = np.random.default_rng(0).normal([1e6, -3, 0], [1, 20, 1e-3], size=(500, 3))


def test_standard_gives_mean_0_and_deviation_1() -> None:
    scaled = fit_scaling(VALUES, "standard").apply(VALUES)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-6)


def test_minmax_gives_0_to_1() -> None:
    scaled = fit_scaling(VALUES, "minmax").apply(VALUES)
    np.testing.assert_allclose(scaled.min(axis=0), 0)
    np.testing.assert_allclose(scaled.max(axis=0), 1)


def test_none_changes_nothing() -> None:
    np.testing.assert_array_equal(fit_scaling(VALUES, "none").apply(VALUES), VALUES)


@pytest.mark.parametrize("method", ["standard", "minmax"])
def test_batches_give_what_the_whole_gives(method: str) -> None:
    moments = Moments(3)
    for start in range(0, 500, 7):
        moments.update(VALUES[start : start + 7])
    whole = fit_scaling(VALUES, method)
    np.testing.assert_allclose(moments.scaling(method).offset, whole.offset, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(moments.scaling(method).scale, whole.scale, rtol=1e-7)


@pytest.mark.parametrize("method", ["standard", "minmax"])
@pytest.mark.parametrize("constant", [0.0, 0.1, 1e9])
def test_a_constant_becomes_zero(method: str, constant: float) -> None:
    values = np.full((7, 1), constant)
    np.testing.assert_allclose(fit_scaling(values, method).apply(values), 0, atol=1e-6)


def test_a_scaling_survives_json() -> None:
    scaling = fit_scaling(VALUES, "standard")
    again = Scaling.from_fitted(json.loads(json.dumps(scaling.to_fitted())))
    np.testing.assert_array_equal(again.apply(VALUES), scaling.apply(VALUES))
