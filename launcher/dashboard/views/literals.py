"""What stands behind a comparison in a filter, and whether a value of a run fits it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from launcher.config.nearest import shown

ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
RANK_OF_NAN = 2
NULL = "null"
"""Without quotes: no value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """A value as it was typed."""

    text: str  # without quotes, in lower case
    number: float | None  # where it is one, and had no quotes
    is_null: bool


def make_literal(text: str, *, is_quoted: bool) -> Literal:
    """The literal that some text is."""
    number = None if is_quoted else as_number(text)
    return Literal(text=text.casefold(), number=number, is_null=not is_quoted and text.casefold() == NULL)


def as_number(text: str) -> float | None:
    """`1e-3`, `nan` or `-inf` as a number; None for what is none."""
    try:
        return float(text)
    except ValueError:
        return None


def as_time(text: str) -> float | None:
    """`2026-01-31` or `2026-01-31T14:00`, in this machine's zone, as Unix time; None for what is no time."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def fits(value: Any, sign: str, literal: Literal) -> bool:
    """Whether a value compares so with a literal.

    What has no value fits nothing but `= null`. Texts compare without regard to case; a text that is a number is one
    where the literal is one, as in configs that were read from YAML. Of a list one element must fit, or for `!=` all.
    """
    if literal.is_null and sign in ("=", "!="):
        return (value is None) == (sign == "=")
    if value is None:
        return False
    if isinstance(value, list):
        return not fits(value, "=", literal) if sign == "!=" else any(fits(item, sign, literal) for item in value)
    if sign == "~":
        return literal.text in text_of(value).casefold()
    if sign == "!=":
        return not fits(value, "=", literal)
    number = _number(value) if literal.number is not None else None
    if number is not None and literal.number is not None:
        return _same(number, literal.number) if sign == "=" else ORDER[sign](number, literal.number)
    if sign == "=":
        return text_of(value).casefold() == literal.text
    # A word and a number have no order.
    return isinstance(value, str) and literal.number is None and ORDER[sign](value.casefold(), literal.text)


def text_of(value: Any) -> str:
    """A value in one line, as it is typed."""
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, list):
        return ", ".join(map(shown, value))
    return shown(value)


def order(value: Any) -> tuple[int, Any]:
    """Sorts values of any kind: numbers, then texts, then NaN, then what has no value."""
    if value is None or value == []:
        return RANK_OF_NAN + 1, 0
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 1, text_of(value).casefold()
    return (RANK_OF_NAN, 0) if math.isnan(value) else (0, value)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    return as_number(value) if isinstance(value, str) else value


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))
