"""Anything can be said in JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from launcher.dashboard.views.plain import plain


def test_what_is_no_number_becomes_its_name() -> None:
    assert plain([float("nan"), float("inf"), -np.inf, 1.5]) == ["NaN", "Infinity", "-Infinity", 1.5]


def test_all_kinds_of_values_become_those_of_json() -> None:
    value = {1: (np.float64(2.5), np.int64(3)), "path": Path("/a"), "array": np.array([1.0, np.nan]), "set": {True}}
    expected = {"1": [2.5, 3], "path": "/a", "array": [1.0, "NaN"], "set": [True]}
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == expected


def test_a_number_that_takes_too_long_to_write_in_decimal_is_short() -> None:
    assert json.dumps(plain([1 << 100_000, 2**70]), allow_nan=False).startswith('["0x1000')
    assert plain(2**70) == 2**70
