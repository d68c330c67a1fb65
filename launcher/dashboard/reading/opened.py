"""All that one run logged, read on from where the last reading stopped."""

from __future__ import annotations

from typing import Any

import numpy as np

from launcher.dashboard.places import WINDLASS, Place
from launcher.dashboard.reading.columns import Series, Table, tokens_at
from launcher.dashboard.reading.documents import Documents, info_of
from launcher.dashboard.reading.events import EventsFile, Restart
from launcher.dashboard.reading.plain import flatten
from launcher.dashboard.reading.records import CONSOLE_BYTES, Info, Log
from launcher.dashboard.reading.stitching import (
    WHOLE,
    Seam,
    clock_of,
    find_restarts,
    find_seams,
    is_continuation,
    stitch,
    system_series,
)
from launcher.dashboard.reading.wandb_file import WandbFile
from launcher.runs import Run

SYSTEM = "system/"


def rows_of(table: Table, name: str) -> np.ndarray:
    """The rows of a table in which a name has a value."""
    column = table.column(name)
    return np.empty(0, np.int32) if column is None else column.rows.view


class OpenRun:
    """A run's columns in memory. One thread at a time may call it; arrays that it gave are not written to again.

    Metrics of a Windlass run are those of its events, and only system metrics come from its `.wandb` files.
    """

    def __init__(self, place: Place) -> None:
        self.version = 0  # grows with each change
        self.generation = 0  # grows when points that were there were taken back
        run = Run(place.path) if place.kind == WINDLASS else None
        self._documents = None if run is None else Documents(run)
        self._events = None if run is None else EventsFile(run.events_path)
        self._files: list[WandbFile] = []
        self._seams: list[Seam] = []
        self._remakes: list[int] = []
        self._is_updated = False
        self.update(place)

    def update(self, place: Place) -> None:
        """The run has more files now."""
        self.place = place
        self._is_updated = [file.path for file in self._files] != list(place.files)
        known = {file.path: file for file in self._files}
        is_ours = self._events is not None
        self._files = [known.get(path) or WandbFile(path, only_system=is_ours) for path in place.files]

    def read(self) -> bool:
        """Read all that is new; whether anything changed. What a file holds, or that it is gone, raises nothing."""
        parts = [self._documents, self._events, *self._files]
        num_changed = sum(part.read() for part in parts if part is not None)
        if num_changed == 0 and not self._is_updated:
            return False
        remakes = [sum(file.remakes for file in self._files)]
        if self._events is not None:
            remakes += [self._events.remakes, self._events.events.taken_back]
        seams = find_seams(self._logs)
        if (self._remakes and remakes != self._remakes) or not is_continuation(self._seams, seams):
            self.generation += 1
        self._remakes, self._seams, self._is_updated = remakes, seams, False
        self.version += 1
        return True

    @property
    def _logs(self) -> list[Log]:
        return [file.log for file in self._files]

    @property
    def _tables(self) -> list[tuple[Table, Seam]]:
        """Tables of metrics, and how they follow each other."""
        if self._events is not None:
            return [(self._events.events.table, WHOLE)]
        return [(log.history, seam) for log, seam in zip(self._logs, self._seams, strict=False)]

    def names(self) -> list[str]:
        """Metrics, then system metrics, whose names begin with `system/`."""
        names = [name for table, _ in self._tables for name in table.known()]
        system = [f"{SYSTEM}{name}" for log in self._logs for name in log.system.known()]
        return list(dict.fromkeys([*names, *system]))

    def series(self, name: str) -> Series:
        """One metric.

        Raises:
            KeyError: the run has none of that name.
        """
        tables, short = self._tables, name.removeprefix(SYSTEM)
        if any(table.has(name) for table, _ in tables):
            found = stitch(tables, name)
        elif short != name and any(log.system.has(short) for log in self._logs):
            found = system_series(self._logs, short, clock_of(tables))
        else:
            raise KeyError(name)
        if self._events is None:
            return found
        table = self._events.events.table
        tokens = tokens_at(found.steps, table.steps.view, table.tokens.view)
        return Series(found.steps, found.times, found.values, tokens)

    def counts(self) -> dict[str, int]:
        """How many points each metric has, without making its series; within a generation it only grows."""
        counts = dict.fromkeys(self.names(), 0)
        for table, seam in self._tables:
            is_kept = table.steps.view + seam.offset < seam.end
            for name in table.known():
                counts[name] += int(np.count_nonzero(is_kept[rows_of(table, name)]))
        ours = {name for table, _ in self._tables for name in table.known()}
        for log in self._logs:
            for short in log.system.known():
                if (name := f"{SYSTEM}{short}") not in ours:
                    counts[name] += len(rows_of(log.system, short))
        return counts

    @property
    def config(self) -> dict[str, Any]:
        """What the run was configured with, nested; of several attempts the last word on each key counts."""
        if self._documents is not None:
            return self._documents.config
        return {key: value for log in self._logs for key, value in log.config.items()}

    @property
    def summary(self) -> dict[str, Any]:
        """Last values by name, and what else the run said at its end."""
        names = [name for name in self.names() if not name.startswith(SYSTEM)]
        last = {name: float(values[-1]) for name in names if len(values := self.series(name).values)}
        if self._documents is not None:
            said = dict(self._documents.summary)
            metrics = said.pop("metrics", {})
            return last | flatten(said) | (metrics if isinstance(metrics, dict) else {})
        for log in self._logs:
            last |= log.said()
        return last

    @property
    def info(self) -> Info:
        """Who ran what, and where; of several attempts what the last one says."""
        if self._documents is None or self._events is None:
            return self._files[-1].log.info if self._files else Info()
        return info_of(self._documents, self.place.id, self._events.events.started)

    @property
    def restarts(self) -> list[Restart]:
        """Where the run went on after it had stopped."""
        return find_restarts(self._logs, self._seams) if self._events is None else self._events.events.restarts

    @property
    def console(self) -> list[tuple[float, str]]:
        """What a W&B run printed, its newest part: Unix seconds and text; of a Windlass run it is in its log files."""
        if self._events is not None:
            return []
        newest, size = [], 0
        for written in (line for log in reversed(self._logs) for line in reversed(log.console)):
            size += len(written[1])
            if size > CONSOLE_BYTES:
                break
            newest.append(written)
        return newest[::-1]

    @property
    def checkpoints(self) -> list[dict[str, Any]]:
        """Step, time, seconds and bytes of each."""
        return [] if self._events is None else self._events.events.checkpoints

    @property
    def warnings(self) -> list[dict[str, Any]]:
        """Time and message of each."""
        return [] if self._events is None else self._events.events.warnings

    @property
    def last_step(self) -> dict[str, Any] | None:
        """The newest event of a step; None for a W&B run."""
        return None if self._events is None else self._events.events.last_step

    @property
    def exit_code(self) -> int | None:
        """None as long as it runs, and where it never said."""
        if self._documents is not None:
            return self._documents.job.get("exit_code")
        return self._files[-1].log.exit_code if self._files else None

    @property
    def problems(self) -> list[str]:
        """What is wrong with its files, for people."""
        parts = [self._documents, self._events, *self._files]
        return [line for part in parts if part is not None for line in part.problems]

    @property
    def nbytes(self) -> int:
        """About how much memory it holds."""
        logs = sum(log.nbytes for log in self._logs)
        return logs + (0 if self._events is None else self._events.events.table.nbytes)
