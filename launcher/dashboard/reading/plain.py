"""Nested values, of anybody, as plain ones that are safe to walk."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 64
"""Deeper ones become text or are refused: not all that reads them later could walk them."""
TOO_DEEP = "nested too deeply"
MAX_DIGITS = 200


def from_json(text: bytes) -> Any:
    """A value; NaN and infinity are numbers.

    Raises:
        ValueError: it is no JSON, or too deep to be read.
    """
    try:
        value = json.loads(text.decode())
    except RecursionError as error:
        raise ValueError(TOO_DEEP) from error
    return text.decode() if text.count(b"[") + text.count(b"{") >= MAX_DEPTH and is_deep(value) else value


def to_finite(value: Any) -> float | None:
    """A value as a number, None where it is none, or none that is finite."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) <= sys.float_info.max else None


def to_whole(value: Any) -> int | None:
    """The same as a whole number."""
    number = to_finite(value)
    return None if number is None else int(number)


def to_text(value: Any) -> str | None:
    """A value as text; None stays None."""
    return None if value is None else str(value)


def short(value: Any) -> Any:
    """A number that is too large for a float as text, which takes no time; anything else as it is."""
    return hex(value)[:MAX_DIGITS] if isinstance(value, int) and value.bit_length() > sys.float_info.max_exp else value


def flatten(values: Mapping[str, Any], *, limit: int | None = None) -> dict[str, Any]:
    """Leaves under dotted names; a list is a leaf. No more than `limit` of them."""
    flat: dict[str, Any] = {}
    waiting = [("", iter(values.items()))]
    while waiting:
        prefix, items = waiting[-1]
        for key, value in items:
            if isinstance(value, Mapping) and value:
                waiting.append((f"{prefix}{key}.", iter(value.items())))
                break
            if limit is not None and len(flat) >= limit:
                return flat
            flat[f"{prefix}{key}"] = value
        else:
            waiting.pop()
    return flat


def put(values: dict[str, Any], path: list[str], value: Any) -> None:
    """Set what a path names; what is in the way and no mapping is replaced."""
    *above, last = path if len(path) < MAX_DEPTH else [".".join(path)]
    for part in above:
        inner = values.get(part)
        if not isinstance(inner, dict):
            inner = values[part] = {}
        values = inner
    values[last] = value


def remove(values: dict[str, Any], path: list[str]) -> None:
    """Remove what a path names, if it is there."""
    *above, last = path if len(path) < MAX_DEPTH else [".".join(path)]
    for part in above:
        inner = values.get(part)
        if not isinstance(inner, dict):
            return
        values = inner
    values.pop(last, None)


def is_deep(value: Any) -> bool:
    """Whether a value is nested so deeply that not all could walk it."""
    depth, level = 0, [value]
    while level and depth < MAX_DEPTH:
        depth += 1
        level = [
            inner
            for each in level
            if isinstance(each, (dict, list))
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return depth >= MAX_DEPTH
