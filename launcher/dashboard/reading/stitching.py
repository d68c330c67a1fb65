"""Several attempts of one W&B run as one history."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from launcher.dashboard.reading.columns import Series, Table, steps_at
from launcher.dashboard.reading.events import Restart
from launcher.dashboard.reading.records import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class Seam:
    """How an attempt is joined to the others."""

    offset: float  # is added to its steps
    end: float  # steps from here on were taken back by a later attempt
    num_taken_back: int  # of its rows
    num_rows: int
    num_system: int = 0  # rows of system metrics


WHOLE = Seam(offset=0.0, end=math.inf, num_taken_back=0, num_rows=0)
"""Of what is no part."""


def find_seams(logs: Sequence[Log]) -> list[Seam]:
    """How attempts, oldest first, follow each other.

    One whose first step is above 0 was told where it goes on: it takes back what others said of that step and later
    ones. One that begins at 0 was not, and its steps are counted on.
    """
    offsets, ends, firsts, last = [], [math.inf] * len(logs), [], -1.0
    for place, log in enumerate(logs):
        steps = log.history.steps.view
        first = float(steps.min()) if len(steps) else None
        is_explicit = first is not None and first > 0
        offset = 0.0 if is_explicit or last < 0 else last + 1
        offsets.append(offset)
        firsts.append(first)
        if first is None:
            continue
        if is_explicit:
            for earlier in range(place):
                ends[earlier] = min(ends[earlier], first)
            last = min(last, first)
        last = max(last, float(steps.max()) + offset)
    return [
        Seam(
            offset=offset,
            end=end,
            num_taken_back=int((log.history.steps.view + offset >= end).sum()),
            num_rows=len(log.history),
            num_system=len(log.system),
        )
        for log, offset, end in zip(logs, offsets, ends, strict=True)
    ]


def is_continuation(before: Sequence[Seam], after: Sequence[Seam]) -> bool:
    """Whether all points that were there still are, at the same place: new ones are behind them."""
    pairs = list(zip(before, after, strict=False))
    same = all(old.offset == new.offset and old.num_taken_back == new.num_taken_back for old, new in pairs)
    last = max((place for place, seam in enumerate(after) if seam.num_rows or seam.num_system), default=0)
    same &= len(after) >= len(before)
    return same and all((old.num_rows, old.num_system) == (new.num_rows, new.num_system) for old, new in pairs[:last])


def find_restarts(logs: Sequence[Log], seams: Sequence[Seam]) -> list[Restart]:
    """Where attempts begin that have rows, but for the first one."""
    found = []
    for attempt, (log, seam) in enumerate(zip(logs, seams, strict=True)):
        if attempt > 0 and seam.num_rows:
            times, steps = log.history.times.view, log.history.steps.view
            found.append(Restart(attempt=attempt, time=float(times[0]), step=float(steps[0]) + seam.offset))
    return found


def stitch(tables: Sequence[tuple[Table, Seam]], name: str) -> Series:
    """One metric over all attempts."""
    steps, times, values = [], [], []
    for table, seam in tables:
        column = table.column(name)
        if column is not None:
            rows = column.rows.view
            at = table.steps.view[rows] + seam.offset
            chosen = at < seam.end
            steps.append(at[chosen])
            times.append(table.times.view[rows][chosen])
            values.append(column.values.view[chosen])
    return Series(_joined(steps), _joined(times), _joined(values))


def clock_of(tables: Sequence[tuple[Table, Seam]]) -> tuple[np.ndarray, np.ndarray]:
    """Times, and the steps at which the run was then, over all attempts."""
    times, steps = [], []
    for table, seam in tables:
        at = table.steps.view + seam.offset
        times.append(table.times.view[at < seam.end])
        steps.append(at[at < seam.end])
    return _joined(times), _joined(steps)


def system_series(logs: Sequence[Log], name: str, clock: tuple[np.ndarray, np.ndarray]) -> Series:
    """One system metric over all attempts; `clock` are times and steps of the run."""
    times, values = [], []
    for log in logs:
        column = log.system.column(name)
        if column is not None:
            times.append(log.system.times.view[column.rows.view])
            values.append(column.values.view)
    return Series(steps_at(_joined(times), *clock), _joined(times), _joined(values))


def _joined(arrays: list[np.ndarray]) -> np.ndarray:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays) if arrays else np.empty(0)
