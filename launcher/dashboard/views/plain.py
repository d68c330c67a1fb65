"""Values that JSON can carry."""

from __future__ import annotations

import math
from pathlib import PurePath
from typing import Any

import numpy as np

from launcher.dashboard.reading.plain import short


def plain(value: Any) -> Any:
    """The same in plain dicts, lists, strings and numbers; NaN and infinities become strings, as JSON has none.

    They are called "NaN", "Infinity" and "-Infinity".
    """
    if isinstance(value, bool | int | str) or value is None:
        return short(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _named(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    return value.as_posix() if isinstance(value, PurePath) else str(value)


def _named(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
