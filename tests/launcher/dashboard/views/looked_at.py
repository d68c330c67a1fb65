"""Runs and sweeps of a directory as views get them, without the index's process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from launcher.dashboard.index.discover import discover
from launcher.dashboard.index.index import Row
from launcher.dashboard.index.rows import duration
from launcher.dashboard.places import Place, SweepPlace
from launcher.dashboard.reading.glance import glance
from launcher.dashboard.reading.opened import OpenRun


class Listed:
    """What lies in a directory now: the part of `Index` that views use."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def place(self, key: str) -> Place | None:
        return next((place for place in discover([self._root]).places if place.key == key), None)

    def sweeps(self) -> list[SweepPlace]:
        return list(discover([self._root]).sweeps)

    def sweep(self, key: str) -> SweepPlace | None:
        return next((place for place in self.sweeps() if place.key == key), None)


def place_of(root: Path, run_id: str) -> Place:
    """Where the run of an id lies."""
    return next(place for place in discover([root]).places if place.id == run_id)


def opened(root: Path, run_id: str) -> OpenRun:
    """A run with all that it logged."""
    run = OpenRun(place_of(root, run_id))
    run.read()
    return run


def row_of(run: OpenRun, **changes: Any) -> Row:
    """Its row in the table; `changes` are of its glance."""
    place, seen = run.place, glance(run.place)
    for name, value in changes.items():
        object.__setattr__(seen, name, value)
    about: Mapping[str, Any] = {"key": place.key, "id": place.id, "kind": place.kind, "version": 1, "metrics": {}}
    where = {"root": str(place.root), "path": str(place.path)}
    return Row(**about, **where, duration=duration(seen), glance=seen)


def pair(root: Path, run_id: str, **changes: Any) -> tuple[Row, OpenRun]:
    """Both of them."""
    run = opened(root, run_id)
    return row_of(run, **changes), run
