"""Rows of the table of runs, and the form in which the index keeps them."""

from __future__ import annotations

import dataclasses
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from launcher.dashboard.places import Place
from launcher.dashboard.reading.glance import Glance

Extremes = Mapping[str, tuple[float, float]]
"""The least and the greatest finite value by metric."""

GLANCE_FIELDS = tuple(field.name for field in dataclasses.fields(Glance))
FORMAT = zlib.crc32(f"2 {[(field.name, field.type) for field in dataclasses.fields(Glance)]}".encode()) >> 1
"""Names the form of what is kept; raise the number in it where a glance comes to mean something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One run in the table."""

    key: str
    id: str
    kind: str
    root: str
    path: str
    version: int  # differs after each change
    duration: float | None  # seconds, up to its last sign while it runs
    glance: Glance
    metrics: dict[str, dict[str, float | None]]  # name -> "last", "min" and "max"; None: not known (yet)
    sweep_key: str | None = None  # of the sweep whose trial it is, where that is shown too


def encode(place: Place, glance: Glance) -> bytes:
    """A run as the index keeps it."""
    # json rather than orjson: NaN, infinities, whole numbers of any size and broken text survive it.
    return json.dumps(
        {
            "id": place.id,
            "kind": place.kind,
            "root": str(place.root),
            "path": str(place.path),
            "files": [str(file) for file in place.files],
            "glance": {name: getattr(glance, name) for name in GLANCE_FIELDS},
        },
        separators=(",", ":"),
    ).encode()


def encode_extremes(extremes: Extremes) -> bytes:
    """Extremes as the index keeps them."""
    return json.dumps({name: list(pair) for name, pair in extremes.items()}, separators=(",", ":")).encode()


def decode(key: str, version: int, *, body: bytes, extremes: bytes | None) -> tuple[Row, Place]:
    """What `encode` was given.

    Raises:
        ValueError: it is damaged.
    """
    try:
        kept = _loads(body)
        glance = Glance(**kept["glance"])
        place = Place(
            key=key,
            id=kept["id"],
            kind=kept["kind"],
            root=Path(kept["root"]),
            path=Path(kept["path"]),
            files=tuple(Path(file) for file in kept["files"]),
        )
        metrics = _metrics(glance.last, _loads(extremes) if extremes is not None else {})
        lasted = duration(glance)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"run {key} is damaged in the index") from error
    row = Row(
        key=key,
        id=place.id,
        kind=place.kind,
        root=kept["root"],
        path=kept["path"],
        version=version,
        duration=lasted,
        glance=glance,
        metrics=metrics,
    )
    return row, place


def duration(glance: Glance) -> float | None:
    """Seconds from the start to the end, or to the last sign; None where clocks jumped between them."""
    until = glance.ended if glance.ended is not None else glance.last_sign
    if glance.started is None or until is None or not math.isfinite(until - glance.started):
        return None
    return until - glance.started if until >= glance.started else None


def _metrics(last: Mapping[str, float], extremes: Mapping[str, list[float]]) -> dict[str, dict[str, float | None]]:
    metrics: dict[str, dict[str, float | None]] = {}
    for name, value in last.items():
        low, high = extremes.get(name) or (None, None)
        metrics[name] = {"last": value, "min": low, "max": high}
    for name, (low, high) in extremes.items():
        if name not in metrics:
            metrics[name] = {"last": None, "min": low, "max": high}
    return metrics


def _loads(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return json.loads(content)  # knows NaN and the like; ten times slower
