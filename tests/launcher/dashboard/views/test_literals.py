from __future__ import annotations

import math
from typing import Any

import pytest

from launcher.dashboard.views.literals import order, text_of


def test_values_of_any_kind_have_an_order() -> None:
    values: list[Any] = [None, math.nan, "b", True, ["x"], 3, -math.inf, "A", [], 2.5, {"k": 1}]
    assert sorted(values, key=order)[:3] == [-math.inf, 2.5, 3]
    assert sorted(values, key=order)[-2:] == [None, []]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1 + 0.2, "0.3"), (1.0, "1"), (32, "32"), (True, "true"), ("a b", "a b"), (["a", 1], "a, 1"), (1e-7, "1e-07")],
)
def test_values_are_shown_as_they_are_typed(value: Any, text: str) -> None:
    assert text_of(value) == text
