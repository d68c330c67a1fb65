"""What a sweep varied: each key with its scale, and what trials had for it, as numbers where they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from launcher.config.space import Interval

if TYPE_CHECKING:
    from launcher.config.space import Dimension
    from launcher.sweeps.ledger import Trial

LOG_SPAN = 100.0
"""Positive numbers that lie further apart than this factor are seen on a logarithmic scale."""
NUMBER, LOG, CHOICE = "number", "log", "choice"


def value_of(typed: str) -> float | int | str:
    """What stands behind the `=` of an override: a finite number, or the text as it is."""
    for kind in (int, float):
        try:
            value = kind(typed)
        except ValueError:
            continue
        return value if math.isfinite(value) else typed
    return typed


def parameters(dimensions: Mapping[str, Dimension], trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Each key of the space, in its order: `name`, `kind` (number, log or choice) and its `choices`.

    Keys that only trials have, as where the space can't be read, come after.
    """
    keys = dict.fromkeys([*dimensions, *(key for trial in trials for key in trial.overrides)])
    return [_parameter(key, dimensions.get(key), trials) for key in keys]


def _parameter(key: str, dimension: Dimension | None, trials: Sequence[Trial]) -> dict[str, Any]:
    if isinstance(dimension, Interval):
        log = dimension.log or _is_wide([dimension.low, dimension.high])
        return {"name": key, "kind": LOG if log else NUMBER, "choices": []}
    had = [trial.overrides[key] for trial in trials if key in trial.overrides]
    choices = [value_of(each) for each in (dict.fromkeys(had) if dimension is None else dimension.values)]
    numbers = [each for each in choices if not isinstance(each, str)]
    if len(numbers) < len(choices):
        return {"name": key, "kind": CHOICE, "choices": choices}
    return {"name": key, "kind": LOG if _is_wide(numbers) else NUMBER, "choices": choices}


def _is_wide(numbers: Sequence[float]) -> bool:
    return bool(numbers) and min(numbers) > 0 and max(numbers) > LOG_SPAN * min(numbers)
