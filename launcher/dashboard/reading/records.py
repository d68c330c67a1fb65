"""What the records of one `.wandb` file say."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from launcher.dashboard.reading.columns import Table
from launcher.dashboard.reading.framing import Records
from launcher.dashboard.reading.items import AXES, Items, last_items, read_items, read_key
from launcher.dashboard.reading.plain import flatten, from_json, put, remove
from launcher.dashboard.reading.walk import LONG, PADDING, lengths_at
from launcher.dashboard.reading.wire import BYTES, VARINT, fields, signed, varint

HISTORY, SUMMARY, CONFIG, STATS, OUTPUT_RAW, RUN, EXIT, ENVIRONMENT = 2, 3, 5, 7, 13, 17, 18, 26
MANY = (HISTORY, SUMMARY, STATS)
"""Kinds of records that are read many at once."""
TAG_NUMBER = 0x08
CONSOLE_BYTES = 4 << 20
STEP, TIMESTAMP, RUNTIME = AXES


@dataclass(slots=True, kw_only=True)
class Info:
    """Who ran what, and where."""

    name: str | None = None
    project: str | None = None
    group: str | None = None
    tags: list[str] = field(default_factory=list)
    notes: str | None = None
    host: str | None = None
    program: str | None = None
    started: float | None = None  # Unix seconds
    command: list[str] | None = None


class Log:
    """What one attempt of a run logged through W&B; with `only_system`, its metrics are taken from elsewhere."""

    def __init__(self, *, only_system: bool = False) -> None:
        self.history, self.system = Table(), Table()
        self.config: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}  # nested
        self.info = Info()
        self.sweep: str | None = None
        self.console: deque[tuple[float, str]] = deque()
        self.console_bytes = 0
        self.exit_code: int | None = None
        self.broken = 0  # records that could not be read
        self._only_system = only_system

    @property
    def nbytes(self) -> int:
        return self.history.nbytes + self.system.nbytes + self.console_bytes

    def said(self) -> dict[str, Any]:
        """The summary under dotted names, without axes and what belongs to a table or a picture."""
        flat = flatten({key: value for key, value in self.summary.items() if key not in AXES})
        return {name: value for name, value in flat.items() if f"{name.rpartition('.')[0]}._type" not in flat}

    def take(self, records: Records, *, newest: int | None = None) -> None:
        """Read records, in the order in which they were written. What can't be read is counted.

        Of rows, which are most of a file, only some of the newest of each kind are read where `newest` says so.
        """
        if not records.starts:
            return
        data = records.data + PADDING
        kinds, starts, ends = _split(data, np.array(records.starts), np.array(records.ends))
        self.broken += int((kinds < 0).sum())
        for kind in MANY:
            chosen = np.flatnonzero(kinds == kind)
            chosen = chosen if newest is None else chosen[-newest:]
            if len(chosen) and not (self._only_system and kind != STATS):
                self._take_many(kind, data, starts[chosen].tolist(), ends[chosen].tolist())
        for place in np.flatnonzero(~np.isin(kinds, MANY) & (kinds >= 0)).tolist():
            try:
                self._take_one(int(kinds[place]), data[starts[place] : ends[place]])
            except ValueError:
                self.broken += 1

    def _take_many(self, kind: int, data: bytes, starts: list[int], ends: list[int]) -> None:
        if kind == SUMMARY:
            self._summarize(data, starts, ends)
            return
        table, number = (self.history, 1) if kind == HISTORY else (self.system, 3)
        items = read_items(data, starts, ends, table.names, number=number)
        first = len(table)
        axes = [table.names.place(name) for name in AXES] if kind == HISTORY else []
        if kind == HISTORY:
            steps, times = (_axis(items, code, len(starts)) for code in axes[:2])
            times[~np.isfinite(times)] = np.nan
            broken = _steps_from_heads(data, items, steps, table.steps.view[-1] if first else -1.0)
        else:
            steps = np.full(len(starts), np.nan)
            times, broken = _times_from_heads(data, items)
        self.broken += items.broken + broken
        table.add_rows(steps, times)
        is_value = ~np.isin(items.codes, axes)
        table.add_values(items.codes[is_value], items.rows[is_value] + first, items.values[is_value])

    def _summarize(self, data: bytes, starts: list[int], ends: list[int]) -> None:
        last, broken = last_items(data, starts, ends)
        self.broken += broken
        for key, text in last.items():
            try:
                path = read_key(key)
                if path and path[0] != "_wandb":
                    remove(self.summary, path) if text is None else put(self.summary, path, from_json(text))
            except ValueError:
                self.broken += 1

    def _take_one(self, kind: int, body: bytes) -> None:
        if kind == RUN:
            self._take_run(body)
        elif kind == CONFIG:
            self._configure(body)
        elif kind == OUTPUT_RAW:
            self._print(body)
        elif kind == ENVIRONMENT:
            self._take_environment(body)
        elif kind == EXIT:
            self.exit_code = numbers(body).get(1, 0)

    def _take_run(self, body: bytes) -> None:
        texts = {3: "project", 6: "group", 8: "name", 9: "notes", 13: "host"}
        tags = []
        for number, _, begin, end in fields(body):
            value = body[begin:end]
            if number in texts:
                setattr(self.info, texts[number], value.decode() or None)
            elif number == 4:
                self._configure(value)
            elif number == 10:
                tags.append(value.decode())
            elif number == 12:
                self.sweep = value.decode() or None
            elif number == 17:
                self.info.started = timestamp(value)
        self.info.tags = tags

    def _configure(self, body: bytes) -> None:
        for number, _, begin, end in fields(body):
            if number not in (1, 2):
                continue
            item = body[begin:end]
            key, text, at = b"", None, 0
            for each, _, value_start, value_end in fields(item):
                if each in (1, 2):
                    key += item[at:value_end]
                elif each == 16:
                    text = item[value_start:value_end]
                at = value_end
            path = read_key(key)
            if not path or path[0] == "_wandb":
                continue
            if number == 1 and text is not None:
                put(self.config, path, from_json(text))
            elif number == 2:
                remove(self.config, path)

    def _print(self, body: bytes) -> None:
        time, text = float("nan"), ""
        for number, _, begin, end in fields(body):
            if number == 2:
                time = timestamp(body[begin:end])
            elif number == 3:
                text = body[begin:end].decode()
        self.console.append((time, text))
        self.console_bytes += len(text)
        while self.console_bytes > CONSOLE_BYTES and len(self.console) > 1:
            self.console_bytes -= len(self.console.popleft()[1])

    def _take_environment(self, body: bytes) -> None:
        arguments, program = [], None
        for number, _, begin, end in fields(body):
            if number == 5:
                arguments.append(body[begin:end].decode())
            elif number == 6:
                program = body[begin:end].decode() or None
            elif number == 12:
                self.info.host = self.info.host or body[begin:end].decode()
            elif number == 3 and self.info.started is None:
                self.info.started = timestamp(body[begin:end])
        if program is not None:  # a later record may tell of the hardware alone
            words = ["-m", program.removeprefix("-m ")] if program.startswith("-m ") else [program]
            self.info.program, self.info.command = program, ["python", *words, *arguments]


def timestamp(body: bytes) -> float:
    """Unix seconds.

    Raises:
        ValueError: it is no message.
    """
    parts = numbers(body)
    return parts.get(1, 0) + parts.get(2, 0) * 1e-9


def numbers(body: bytes) -> dict[int, int]:
    """The whole numbers of a message, by field.

    Raises:
        ValueError: it is no message.
    """
    return {number: signed(varint(body, begin, end)[0]) for number, kind, begin, end in fields(body) if kind == VARINT}


def _split(data: bytes, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each record the kind, -1 where it can't be read, and where its content begins and ends."""
    raw, kinds, inner_ends = np.frombuffer(data, np.uint8), np.full(len(starts), -1), ends.copy()
    has_number = (raw[starts] == TAG_NUMBER) & (starts < ends)
    at = starts + has_number
    for _ in range(4):
        at = at + (has_number & (raw[at] >= LONG))
    is_known = ~(has_number & (raw[at] >= LONG))
    at = at + has_number
    tags, (lengths, begins) = raw[at], lengths_at(raw, at + 1)
    is_known &= np.isin(tags, [kind << 3 | BYTES for kind in MANY]) & (lengths >= 0) & (begins + lengths == ends)
    kinds[is_known] = tags[is_known] >> 3
    for place in np.flatnonzero(~is_known).tolist():
        try:
            kinds[place], begins[place], inner_ends[place] = _split_one(data, int(starts[place]), int(ends[place]))
        except ValueError:
            continue
    return kinds, begins, inner_ends


def _split_one(data: bytes, start: int, end: int) -> tuple[int, int, int]:
    """The same of one record; kind 0 for one without content."""
    found = 0, start, start
    for number, kind, begin, after in fields(data, start, end):
        if kind == BYTES and number not in (16, 19, 200):  # what W&B's processes tell each other
            found = number, begin, after
    return found


def _axis(items: Items, code: int, count: int) -> np.ndarray:
    values = np.full(count, np.nan)
    low, high = np.searchsorted(items.codes, [code, code + 1])
    values[items.rows[low:high]] = items.values[low:high]
    return values


def _steps_from_heads(data: bytes, items: Items, steps: np.ndarray, before: float) -> int:
    """Where a row has no `_step`, its record may say it; else it is one more than `before`.

    Returns how many records said nothing that can be read.
    """
    broken = 0
    for row in np.flatnonzero(~np.isfinite(steps)).tolist():
        begin, end = int(items.heads[0][row]), int(items.heads[1][row])
        steps[row] = (steps[row - 1] if row else before) + 1
        if begin:
            try:
                steps[row] = numbers(data[begin:end]).get(1, 0)
            except ValueError:
                broken += 1
    return broken


def _times_from_heads(data: bytes, items: Items) -> tuple[np.ndarray, int]:
    """When each row was taken, NaN where it does not say; and how many say what can't be read."""
    times, broken = np.full(len(items.heads[0]), np.nan), 0
    for row, (begin, end) in enumerate(zip(*(head.tolist() for head in items.heads), strict=True)):
        if begin:
            try:
                times[row] = timestamp(data[begin:end])
            except ValueError:
                broken += 1
    return times, broken
