"""What the index says, in memory."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from launcher.dashboard.index.rows import Row, decode
from launcher.dashboard.places import WINDLASS
from launcher.sweeps.record import FOLDER

if TYPE_CHECKING:
    from pathlib import Path

    from launcher.dashboard.index.store import Facts, Store
    from launcher.dashboard.places import Place, SweepPlace


class Picture:
    """All runs and sweeps as a store had them last. One thread changes it, any number read."""

    def __init__(self) -> None:
        self.facts: Facts | None = None
        self.rows: list[Row] = []  # newest first
        self.sweeps: dict[str, SweepPlace] = {}
        self._runs: dict[str, tuple[Row, Place]] = {}

    def row(self, key: str) -> Row | None:
        found = self._runs.get(key)
        return None if found is None else found[0]

    def place(self, key: str) -> Place | None:
        found = self._runs.get(key)
        return None if found is None else found[1]

    def take(self, store: Store) -> bool:
        """Take over what has changed; whether anything that it shows did.

        Raises:
            sqlite3.Error: the store can't be read.
            ValueError: it is damaged.
        """
        before, facts = self.facts, store.facts()
        if before is not None and facts.version == before.version:
            self.facts = facts
            return facts.problems != before.problems
        seen = 0 if before is None else before.version
        runs = {
            key: decode(key, version, body=body, extremes=extremes)
            for key, version, body, extremes in store.changed_since(seen)
        }
        if seen:
            kept = store.keys() if facts.removed > seen else self._runs.keys()
            runs = {key: self._runs[key] for key in self._runs if key in kept and key not in runs} | runs
        if facts.sweeps > seen:
            self.sweeps = {place.key: place for place in store.sweeps()}
        self._runs = self._with_sweeps(runs)
        self.rows = sorted((row for row, _ in self._runs.values()), key=_newest_first)
        self.facts = facts
        return True

    def _with_sweeps(self, runs: dict[str, tuple[Row, Place]]) -> dict[str, tuple[Row, Place]]:
        keys: dict[tuple[Path, str | None], str] = {
            (_runs_directory(sweep), sweep.id): sweep.key for sweep in self.sweeps.values()
        }
        linked = {}
        for key, (row, place) in runs.items():
            sweep_key = keys.get((place.path.parent, row.glance.sweep)) if place.kind == WINDLASS else None
            linked[key] = (row if row.sweep_key == sweep_key else dataclasses.replace(row, sweep_key=sweep_key), place)
        return linked


def _runs_directory(sweep: SweepPlace) -> Path:
    above = sweep.path.parent
    return above.parent if above.name == FOLDER else above


def _newest_first(row: Row) -> tuple[float, str]:
    started = row.glance.started
    return (math.inf if started is None or math.isnan(started) else -started, row.id)
