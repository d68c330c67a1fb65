"""What a sweep knows, on the disk: one line of JSON for everything that happens to a trial, read back as trials."""

from __future__ import annotations

import json
import math
import os
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from launcher.errors import RequestError
from launcher.runs.files import event_line, open_regular

FINISHED, FAILED, PRUNED, STOPPED = "finished", "failed", "pruned", "stopped"
WAITING, RUNNING, PAUSED = "waiting", "running", "paused"
ENDED = (FINISHED, FAILED, PRUNED)
"""A trial that is over; others go on when the sweep is resumed."""
MAX_LINE_BYTES = 16 << 20
NUMBERS, WORDS = ("time", "device_seconds", "step", "trial", "bracket"), ("event", "state", "reason")


@dataclass(slots=True, kw_only=True)
class Stay:
    """A time that a trial spent on its devices."""

    slot: tuple[str, ...]
    begun: float  # Unix time
    ended: float | None = None  # None while it runs, or where the sweep was killed
    state: str = RUNNING  # in which it left


@dataclass(slots=True, kw_only=True)
class Trial:
    """One trial, as the ledger tells it."""

    number: int  # from 0
    overrides: dict[str, str]  # what the sweep chose, as it is typed
    bracket: int = 0  # of hyperband
    state: str = WAITING
    reports: list[dict[str, float]] = field(default_factory=list)  # metrics of each evaluation, first to last
    steps: list[int] = field(default_factory=list)  # at which these were taken
    values: dict[str, float] = field(default_factory=dict)  # metrics at the end
    device_seconds: float = 0.0
    reason: str | None = None  # why it ended as it did, where it did not finish
    slot: tuple[str, ...] = ()  # devices of its last attempt
    begun: float = 0.0  # Unix time of its last start
    ended: float = 0.0  # and of its last end
    stays: list[Stay] = field(default_factory=list)  # all of them, first to last

    @property
    def is_over(self) -> bool:
        return self.state in ENDED

    def typed_overrides(self) -> list[str]:
        """What the sweep chose, as overrides."""
        return [f"{key}={value}" for key, value in self.overrides.items()]

    def typed(self) -> str:
        """Its overrides ready to paste into a shell."""
        return shlex.join(self.typed_overrides())


def is_number(value: float | None) -> TypeGuard[float]:
    """Whether a metric says anything: NaN and infinity are None in the ledger, as in all that a run writes."""
    return value is not None and math.isfinite(value)


class Ledger:
    """The trials of one sweep. Each line is on the disk before anything follows from it.

    Raises:
        RequestError: a whole line is no JSON, or says nothing that a sweep writes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.trials: list[Trial] = []
        _replay(path, self.trials)

    def propose(self, overrides: dict[str, str], *, bracket: int = 0) -> Trial:
        """A new trial."""
        number = len(self.trials)
        self._write({"event": "proposed", "trial": number, "overrides": overrides, "bracket": bracket})
        return self.trials[number]

    def start(self, trial: Trial, *, slot: tuple[str, ...]) -> None:
        """It runs on some devices."""
        self._write({"event": "started", "trial": trial.number, "slot": list(slot)})

    def report(self, trial: Trial, metrics: dict[str, float], *, step: int) -> None:
        """It was evaluated."""
        self._write({"event": "report", "trial": trial.number, "step": step, "metrics": metrics})

    def end(
        self,
        trial: Trial,
        state: str,
        *,
        values: dict[str, float] | None = None,
        device_seconds: float = 0.0,
        reason: str | None = None,
    ) -> None:
        """It is over, or pauses, or was stopped; `device_seconds` are those since it started."""
        event = {"event": "ended", "trial": trial.number, "state": state, "values": values or {}}
        self._write({**event, "device_seconds": device_seconds, "reason": reason})

    def run_failed_again(self) -> None:
        """Trials that failed wait again."""
        for trial in self.trials:
            if trial.state == FAILED:
                self._write({"event": "again", "trial": trial.number})

    def _write(self, event: dict[str, Any]) -> None:
        line = event_line({**event, "time": time.time()})
        event = json.loads(line)  # what a later reader finds
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            os.ftruncate(file, _sound_bytes(self._path))  # a line that a kill cut off
            os.lseek(file, 0, os.SEEK_END)
            while line:
                line = line[os.write(file, line) :]
            os.fsync(file)
        finally:
            os.close(file)
        _take(self.trials, event)


def sound_trials(path: Path) -> tuple[list[Trial], str | None]:
    """The trials of a ledger up to a line that is damaged, and what is wrong with that one."""
    trials: list[Trial] = []
    try:
        _replay(path, trials)
    except RequestError as error:
        return trials, str(error)
    return trials, None


def _replay(path: Path, trials: list[Trial]) -> None:
    """Make trials of all that the ledger tells.

    Raises:
        RequestError: see `Ledger`; `trials` are those up to that line.
    """
    for number, event in _read(path):
        try:
            _check(event)
            _take(trials, event)
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise RequestError(f"{path}: line {number} says nothing that a sweep writes; remove that line") from error


def _check(event: dict[str, Any]) -> None:
    """Raise TypeError if a value has no type that `Ledger` writes."""
    for key, value in event.items():
        is_sound = True
        if key in NUMBERS:
            is_sound = _is_finite(value) and (value >= 0 or key != "trial")
        elif key in ("metrics", "values"):
            is_sound = all(each is None or _is_finite(each) for each in value.values())
        elif key == "overrides":
            is_sound = all(isinstance(each, str) for each in value.values())
        elif key == "slot":
            is_sound = isinstance(value, list) and all(isinstance(each, str) for each in value)
        elif key in WORDS:
            is_sound = isinstance(value, str) or (key == "reason" and value is None)
        if not is_sound:
            raise TypeError(f"{key} is {value!r:.100}")


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max


def _take(trials: list[Trial], event: dict[str, Any]) -> None:
    """Apply an event; one that is told twice, after a resume, counts once."""
    number = event["trial"]
    if event["event"] == "proposed":
        trials.append(Trial(number=number, overrides=event["overrides"], bracket=event["bracket"]))
        return
    trial = trials[number]
    if event["event"] == "started":
        trial.state, trial.slot, trial.reason = RUNNING, tuple(event["slot"]), None
        trial.begun = event["time"]
        trial.stays.append(Stay(slot=trial.slot, begun=trial.begun))
    elif event["event"] == "report":
        if not trial.steps or event["step"] > trial.steps[-1]:
            trial.reports.append(event["metrics"])
            trial.steps.append(event["step"])
    elif event["event"] == "again":
        trial.state, trial.reason = WAITING, None
    else:
        trial.state, trial.reason = event["state"], event["reason"]
        trial.values, trial.ended = event["values"], event["time"]
        trial.device_seconds += event["device_seconds"]
        if trial.stays and trial.stays[-1].ended is None:
            trial.stays[-1].ended, trial.stays[-1].state = trial.ended, trial.state


def _sound_bytes(path: Path) -> int:
    """How many bytes whole lines take."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 1))
        if size == 0 or file.read(1) == b"\n":
            return size
    return path.read_bytes().rfind(b"\n") + 1


def _read(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each whole line, with its number."""
    try:
        file = open_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    with file:
        lines = iter(lambda: file.readline(MAX_LINE_BYTES), b"")
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):  # is still written, or was cut off
                return
            yield number, _parsed(line, f"{path}: line {number}")


def _parsed(line: bytes, place: str) -> dict[str, Any]:
    """The event of a line.

    Raises:
        RequestError: it is none.
    """
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{place} is damaged ({error}); remove that line") from error
