"""The words that an error message offers instead of the one that was typed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that looks most like `word`, or None where nothing does."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.65)), None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean train?)`, or nothing where no known word is near."""
    best = nearest(word, known)
    return f" (did you mean {best}?)" if best is not None else ""


def listed(words: Iterable[str], *, conjunction: str = "or") -> str:
    """Words as a sentence lists them: `a, b or c`."""
    *head, last = list(words) or ["nothing"]
    return f"{', '.join(head)} {conjunction} {last}" if head else last


def shown(value: object) -> str:
    """A value as it is typed in an override."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    return str(value)
