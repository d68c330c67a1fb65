"""Limits on a model's arguments; every message names the key, the value, what is allowed and what to type."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches


def at_least(minimum: int, **sizes: int) -> None:
    """Raise ValueError unless every size is a whole number of at least `minimum`."""
    for name, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            raise ValueError(
                f"model.{name}={value} is not a whole number of at least {minimum}; use model.{name}={minimum} or more"
            )


def fraction(**values: float) -> None:
    """Raise ValueError unless every value lies in [0, 1)."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
            raise ValueError(f"model.{name}={value} is not at least 0 and below 1; use model.{name}=0.1")


def one_of(options: Collection[str], **values: str) -> None:
    """Raise ValueError unless every value is one of the options."""
    for name, value in values.items():
        if value not in options:
            use = " or ".join(f"model.{name}={option}" for option in nearest(value, options))
            raise ValueError(f"model.{name}={value} is not one of {', '.join(options)}; use {use}")


def divisible(size: tuple[str, int], *, by: tuple[str, int]) -> None:
    """Raise ValueError unless the second of two named numbers divides the first."""
    (name, value), (by_name, divisor) = size, by
    if value % divisor != 0:
        below = next(number for number in range(min(divisor, value), 0, -1) if value % number == 0)
        raise ValueError(
            f"model.{name}={value} is not divisible by model.{by_name}={divisor}; "
            f"use model.{by_name}={below} or model.{name}={-(-value // divisor) * divisor}"
        )


def needed(*, labels: str, num_outputs: int | None) -> int:
    """The number of outputs for labels that need one; raise ValueError where it is missing or below 1."""
    if num_outputs is None:
        raise ValueError(f"model.num_outputs=null, but model.labels={labels} needs a number; use model.num_outputs=1")
    at_least(1, num_outputs=num_outputs)
    return num_outputs


def nearest(value: object, options: Iterable[str]) -> list[str]:
    """The options that look most like the value, at least one."""
    return get_close_matches(str(value), list(options), n=3, cutoff=0.0)
