"""Nested values of anybody can be walked, however deep and many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.dashboard.reading.plain import MAX_DEPTH, flatten, from_json, put, remove


def test_leaves_stand_under_dotted_names() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": [1, {"e": 2}]}}, "f": None, "g": {}}) == {
        "a.b": 1,
        "a.c.d": [1, {"e": 2}],
        "f": None,
        "g": {},
    }


def test_no_more_leaves_are_taken_than_are_asked_for() -> None:
    inner: dict[str, object] = {"x": 1, "y": 2}
    for _ in range(60):  # as many leaves as 2 to the power of 61
        inner = {"a": inner, "b": inner}
    assert len(flatten(inner, limit=100)) == 100


@given(st.integers(MAX_DEPTH + 1, 5_000))
def test_what_is_too_deep_becomes_text_or_is_refused(depth: int) -> None:
    text = b"[" * depth + b"]" * depth
    try:
        outcome = from_json(text)
    except ValueError as error:
        outcome = str(error)
    assert outcome in (text.decode(), "nested too deeply")


def test_a_long_flat_value_stays_a_value() -> None:
    assert from_json(b"[" + b",".join([b"{}"] * 1000) + b"]") == [{}] * 1000


def test_a_path_replaces_what_is_in_its_way() -> None:
    values = {"a": 1}
    put(values, ["a", "b", "c"], 2)
    put(values, ["a", "d"], 3)
    assert values == {"a": {"b": {"c": 2}, "d": 3}}
    remove(values, ["a", "b", "c"])
    remove(values, ["a", "d", "e"])
    remove(values, ["nowhere", "x"])
    assert values == {"a": {"b": {}, "d": 3}}


def test_a_path_of_ten_thousand_parts_is_one_name() -> None:
    values: dict[str, object] = {}
    put(values, ["x"] * 10_000, 1)
    assert list(values) == [".".join(["x"] * 10_000)]
    remove(values, ["x"] * 10_000)
    assert values == {}


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"nan"])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011, the codec's and the parser's errors have nothing else in common
        from_json(text)
