"""`events.jsonl` of a run directory as columns."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from launcher.dashboard.reading.columns import Table
from launcher.dashboard.reading.tail import Tail

NO_METRICS = frozenset({"event", "time", "step", "num_steps", "epoch", "tokens"})
MAX_WARNINGS = 1_000
MAX_LINE_BYTES = 8 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """Where a run went on after it had stopped."""

    attempt: int
    time: float  # Unix seconds
    step: float


class Events:
    """What the workers of a run reported, as far as it was not taken back by a resume."""

    def __init__(self) -> None:
        self.table = Table()
        self.restarts: list[Restart] = []
        self.checkpoints: list[dict[str, Any]] = []
        self.warnings: list[dict[str, Any]] = []
        self.last_step: dict[str, Any] | None = None  # the newest event of a step
        self.started: float | None = None
        self.num_steps: int | None = None
        self.taken_back = 0  # how often points were
        self.broken = 0  # lines
        self._attempt = 0
        self._is_counted = False  # the next resume belongs to an attempt that was told
        self._rows: list[tuple[float, float, float]] = []  # step, time, tokens
        self._values: defaultdict[int, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))

    def take(self, lines: bytes) -> None:
        """Read whole lines."""
        for line in lines.splitlines():
            try:
                event = orjson.loads(line)
                kind, time = event["event"], float(event["time"])
                self._take(kind, time, event)
            except (ValueError, KeyError, TypeError, OverflowError):
                self.broken += bool(line.strip())
        self._flush()

    def _take(self, kind: str, time: float, event: dict[str, Any]) -> None:
        if self.started is None:
            self.started = time
        if kind == "step":
            tokens = _number(event.get("tokens"))
            values = {f"train/{key}": value for key, value in event.items() if key not in NO_METRICS}
            self._add(
                _whole(event["step"]), time, values | _only(event, "epoch"), math.nan if tokens is None else tokens
            )
            self.last_step, self.num_steps = event, event.get("num_steps", self.num_steps)
        elif kind == "evaluation":
            metrics = {f"{event['split']}/{key}": value for key, value in dict(event["metrics"]).items()}
            self._add(_whole(event["step"]), time, metrics)
        elif kind == "resumed":
            self._resume(_whole(event["step"]), time)
        elif kind == "restart":
            self._attempt, self._is_counted = int(event["attempt"]), True
        elif kind == "checkpoint":
            about = {key: event.get(key) for key in ("time", "seconds", "bytes")}
            self.checkpoints.append({"step": int(_whole(event["step"])), **about})
        elif kind == "warning" and len(self.warnings) < MAX_WARNINGS:
            self.warnings.append({"time": time, "message": str(event["message"])})
        elif kind == "phase":
            self.num_steps = event.get("num_steps", self.num_steps)

    def _add(self, step: float, time: float, values: dict[str, Any], tokens: float = math.nan) -> None:
        row = len(self.table) + len(self._rows)
        self._rows.append((step, time, tokens))
        place = self.table.names.place
        for name, value in values.items():
            number = _number(value)
            if number is not None:
                rows, numbers = self._values[place(name)]
                rows.append(row)
                numbers.append(number)

    def _resume(self, step: float, time: float) -> None:
        self._flush()
        chosen = self.table.steps.view <= step
        if not chosen.all():
            self.table.keep(chosen)
            self.taken_back += 1
        if self.last_step is not None and self.last_step["step"] > step:
            self.last_step = None
        self.checkpoints = [each for each in self.checkpoints if each["step"] <= step]
        self._attempt += not self._is_counted
        self._is_counted = False
        self.restarts.append(Restart(attempt=self._attempt, time=time, step=step))

    def _flush(self) -> None:
        if not self._rows:
            return
        steps, times, tokens = np.array(self._rows).T
        self.table.add_rows(steps, times, tokens)
        for code, (rows, numbers) in self._values.items():
            self.table.add_values(np.full(len(rows), code), np.array(rows), np.array(numbers))
        self._rows.clear()
        self._values.clear()


class EventsFile:
    """The file, read on with each `read`."""

    def __init__(self, path: Path) -> None:
        self._tail = Tail(path)
        self.events = Events()
        self.remakes = 0  # how often the file was made anew

    @property
    def problems(self) -> list[str]:
        """What is wrong with the file, for people."""
        broken, name = self.events.broken, self._tail.path.name
        parts = f"{broken} damaged line{'s were' if broken > 1 else ' was'} skipped" if broken else None
        return [f"{name}: {line}" for line in (self._tail.problem, parts) if line is not None]

    def read(self) -> bool:
        """Take the lines that are new and whole; returns whether there were any."""
        before, is_changed = self.problems, False
        for piece, _, is_anew in self._tail.pieces():
            if is_anew:
                self.remakes += 1
                self.events, is_changed = Events(), True
            whole = piece.rfind(b"\n") + 1
            if whole:
                self.events.take(piece[:whole])
                self._tail.position += whole
                is_changed = True
            elif len(piece) >= MAX_LINE_BYTES:  # nothing that a run writes: what is left of it is damaged, too
                self.events.broken += 1
                self._tail.position += len(piece)
        return is_changed or self.problems != before


def _whole(value: Any) -> float:
    """A step.

    Raises:
        ValueError, TypeError: it is none.
    """
    step = float(value)
    if not math.isfinite(step):
        raise ValueError(f"{value} is no step")
    return step


def _number(value: Any) -> float | None:
    """A metric as a number, or None; null is what a run writes for NaN and infinity."""
    if value is None:
        return math.nan
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _only(event: dict[str, Any], key: str) -> dict[str, Any]:
    return {key: event[key]} if key in event else {}
