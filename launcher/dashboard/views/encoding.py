"""Lines as bytes: a header of JSON, then 64-bit floats, which a browser takes as they are.

uint32     length of the header in bytes, little endian
header     JSON in UTF-8, filled up with spaces so that the floats begin at a multiple of 8
floats     float64, little endian: of each line its x values, its y values and, if smoothed, its smoothed values
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from launcher.dashboard.views.plain import plain

if TYPE_CHECKING:
    from launcher.dashboard.views.series import Lines

LENGTH = struct.Struct("<I")


def encode(found: Lines) -> bytes:
    """The answer to a request for lines."""
    arrays: list[Any] = []
    lines, offset = [], 0
    for line in found.lines:
        parts = [line.x, line.y] if line.smoothed is None else [line.x, line.y, line.smoothed]
        arrays += parts
        count = len(line.x)
        lines.append({"run": line.run, "metric": line.metric, "count": count, "total": line.total, "offset": offset})
        offset += count * len(parts)
    header = {
        "lines": lines,
        "x": found.x,
        "smoothed": found.smoothed,
        "cursors": found.cursors,
        "reset": found.reset,
        "restarts": found.restarts,
    }
    text = json.dumps(plain(header), separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-(LENGTH.size + len(text)) % 8)
    return b"".join([LENGTH.pack(len(text)), text, *(np.ascontiguousarray(each, "<f8").data for each in arrays)])
