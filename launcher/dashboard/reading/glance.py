"""What the table of all runs shows of one, from the heads and tails of its files."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from launcher.dashboard.places import WINDLASS, Place
from launcher.dashboard.reading.columns import Table
from launcher.dashboard.reading.documents import Documents, info_of, load_or_nothing
from launcher.dashboard.reading.events import Events
from launcher.dashboard.reading.framing import BLOCK_BYTES, ForeignError, Framing
from launcher.dashboard.reading.opened import OpenRun
from launcher.dashboard.reading.plain import flatten, short, to_finite, to_text, to_whole
from launcher.dashboard.reading.records import Info, Log
from launcher.dashboard.reading.stitching import find_seams
from launcher.runs import ACTIVE, Run, open_regular

HEAD_BYTES, TAIL_BYTES = 1 << 11, 1 << 15
TAIL_ROWS = 10
"""Of those in the tail; a metric that comes more rarely is known once the whole run was read."""
MAX_HEAD_BYTES = 1 << 22
"""A config of ten thousand keys fills many a head."""
QUIET_S = 300.0
"""A W&B run that did not end counts as running for as long after its last write."""
MAX_CONFIG_KEYS = 2_000
MAX_TEXT = 200
STATES = (*ACTIVE, "finished", "failed", "stopped", "preempted", "pruned", "lost")
SWEEPS = "sweeps"
"""Where sweeps lie beside runs; the module that says so takes Hydra along."""


@dataclass(slots=True, kw_only=True)
class Glance:
    """One run in few words; times in Unix seconds."""

    state: str
    name: str
    started: float | None = None
    ended: float | None = None
    last_sign: float | None = None
    step: int | None = None
    num_steps: int | None = None
    seconds_left: float | None = None
    device_hours: float | None = None
    attempt: int | None = None
    num_processes: int | None = None
    device: str | None = None
    model: str | None = None
    dataset: str | None = None
    tags: list[str] = field(default_factory=list)
    group: str | None = None
    project: str | None = None
    host: str | None = None
    sweep: str | None = None  # its id
    trial: int | None = None
    last: dict[str, float] = field(default_factory=dict)  # metric -> last value, as far as the tails tell
    config: dict[str, Any] = field(default_factory=dict)  # scalars under dotted names
    command: list[str] | None = None
    failure: str | None = None
    problems: list[str] = field(default_factory=list)


def glance(place: Place) -> Glance:
    """A look at a run that costs the same however long it is. What a file holds, or that it is gone, raises nothing."""
    return _glance_at_ours(place) if place.kind == WINDLASS else _glance_at_wandb(place)


def extremes(run: OpenRun) -> dict[str, tuple[float, float]]:
    """The least and the largest finite value of each metric that has one."""
    found = {}
    for name in run.names():
        values = run.series(name).values
        finite = values[np.isfinite(values)]
        if len(finite):
            found[name] = float(finite.min()), float(finite.max())
    return found


def _glance_at_ours(place: Place) -> Glance:
    run = Run(place.path)
    documents = Documents(run)
    documents.read()
    job, events = documents.job, Events()
    events.take(_tail(run.events_path))
    info = info_of(documents, place.id, None)
    state, last_sign = state_of(run), max(_changed(run.events_path) or 0.0, to_finite(job.get("heartbeat")) or 0.0)
    step = events.last_step or {}
    sweep, trial = _trial_of(place.path)
    failure = _failure_of(run) if state == "failed" else None
    metrics = documents.summary.get("metrics")
    return Glance(
        **_known(info),
        state=state,
        started=info.started,
        ended=to_finite(job.get("ended")),
        last_sign=last_sign or None,
        step=int(float(step["step"])) if step else None,
        num_steps=to_whole(events.num_steps),
        seconds_left=to_finite(step.get("seconds_left")) if state in ACTIVE else None,
        device_hours=_device_hours(documents, last_sign),
        attempt=to_whole(job.get("attempt")),
        num_processes=to_whole(job.get("num_processes")),
        device=to_text(job.get("device")),
        model=to_text(job.get("model")),
        dataset=to_text(job.get("dataset")),
        sweep=sweep,
        trial=trial,
        last=_last(events.table) | (_numbers(metrics) if isinstance(metrics, dict) else {}),
        config=_scalars(documents.config),
        failure=failure,
        problems=documents.problems,
    )


def _glance_at_wandb(place: Place) -> Glance:
    if not place.files:
        return Glance(state="lost", name=place.id)
    newest, problems = place.files[-1], []
    log, changed = Log(), _changed(newest)
    try:
        _read_ends(newest, log, wants_row=len(place.files) > 1)
    except ForeignError as error:
        problems.append(f"{newest.name}: {error}")
    except OSError as error:
        problems.append(f"{newest.name}: it can't be read: {error.strerror}")
    times = np.concatenate([log.history.times.view, log.system.times.view])
    last_time = float(np.nanmax(times)) if np.isfinite(times).any() else changed
    steps, has_ended = log.history.steps.view, log.exit_code is not None
    first, offset = _before(place, log) if len(place.files) > 1 else (None, 0.0)
    is_quiet = bool(problems) or changed is None or time.time() - changed > QUIET_S
    return Glance(
        **_known(log.info) | {"name": log.info.name or place.id},
        state=("finished" if log.exit_code == 0 else "failed") if has_ended else "lost" if is_quiet else "running",
        started=first or log.info.started,
        ended=last_time if has_ended else None,
        last_sign=changed,
        step=int(steps[-1] + offset) if len(steps) else None,
        attempt=len(place.files) - 1,
        sweep=log.sweep,
        last=_last(log.history) | _numbers(log.said()),
        config=_scalars(log.config),
        failure=f"exit code {log.exit_code}" if log.exit_code else None,
        problems=problems,
    )


def _known(info: Info) -> dict[str, Any]:
    return {name: getattr(info, name) for name in ("name", "project", "group", "tags", "host", "command")}


def _before(place: Place, newest: Log) -> tuple[float | None, float]:
    """When the oldest of several attempts began, Unix seconds, and what is added to the steps of the newest."""
    logs = [Log() for _ in place.files[:-1]]
    for path, log in zip(place.files, logs, strict=False):
        with contextlib.suppress(ForeignError, OSError):  # the page of the run says why
            _read_ends(path, log, wants_row=True)
    first = next((log.info.started for log in logs if log.info.started is not None), None)
    return first, find_seams([*logs, newest])[-1].offset


def _read_ends(path: Path, log: Log, *, wants_row: bool) -> None:
    """The records of the head, with the first row if it comes early and is wanted, and of the tail of a file.

    Raises:
        ForeignError, OSError: it can't be read.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        framing, wanted = Framing(), HEAD_BYTES
        while True:
            wanted = max(wanted, framing.position + HEAD_BYTES)  # damaged parts are skipped further than was read
            piece = os.pread(file.fileno(), wanted - framing.position, framing.position)
            log.take(framing.take(piece, size=size))
            named = log.info.name is not None
            enough = named and (not wants_row or len(log.history) > 0 or wanted >= TAIL_BYTES)
            if enough or len(piece) == 0 or wanted >= min(size, MAX_HEAD_BYTES):
                break
            wanted *= 4
        begin = max(framing.position, (size - TAIL_BYTES) // BLOCK_BYTES * BLOCK_BYTES)
        if begin < size:
            if begin > framing.position:
                framing = Framing(position=begin)
            log.take(framing.take(os.pread(file.fileno(), size - begin, begin), size=size), newest=TAIL_ROWS)


def _tail(path: Path) -> bytes:
    """The whole lines at the end of a file; nothing where there is none."""
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            begin = max(0, size - TAIL_BYTES)
            tail = os.pread(file.fileno(), size - begin, begin)
    except OSError:  # gone or unreadable: the page of the run says why
        return b""
    return tail[tail.find(b"\n") + 1 if begin else 0 : tail.rfind(b"\n") + 1]


def _changed(path: Path) -> float | None:
    try:
        return path.lstat().st_mtime
    except OSError:
        return None


def state_of(run: Run) -> str:
    """The state of a run, one of `STATES`; "lost" where job.json is none that a run wrote."""
    try:
        state = run.state
    except (OSError, TypeError, ValueError, ArithmeticError):
        return "lost"
    return state if state in STATES else "lost"


def _device_hours(documents: Documents, last_sign: float) -> float | None:
    """What the run says at its end; before that, what its processes had until the last sign of life."""
    told = to_finite(documents.summary.get("device_hours"))
    created, processes = to_finite(documents.job.get("created")), to_finite(documents.job.get("num_processes"))
    if told is not None or created is None or processes is None:
        return told
    until = to_finite(documents.job.get("ended")) or last_sign
    return max(0.0, until - created) * processes / 3600


def _trial_of(path: Path) -> tuple[str | None, int | None]:
    """The sweep of which a run is a trial, and its number."""
    match = re.fullmatch(r"(.+)-(\d{3,})", path.name)
    if match is None or not (path.parent / SWEEPS / match[1]).is_dir():
        return None, None
    return match[1], int(match[2])


def _failure_of(run: Run) -> str | None:
    failure = load_or_nothing(run.failure_path)
    return f"{failure.get('cause')}: {failure.get('message')}" if failure else None


def _last(table: Table) -> dict[str, float]:
    columns = {name: table.column(name) for name in table.known()}
    return {name: float(column.values.view[-1]) for name, column in columns.items() if column is not None}


def _numbers(values: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if _float(value) is not None}


def _scalars(config: dict[str, Any]) -> dict[str, Any]:
    """Leaves by dotted name; a list as text."""
    flat = flatten(config, limit=MAX_CONFIG_KEYS)
    return {key: value if _is_scalar(value) else _text(value) for key, value in flat.items()}


def _is_scalar(value: Any) -> bool:
    if isinstance(value, int):
        return to_finite(value) is not None or isinstance(value, bool)
    return value is None or isinstance(value, (float, str))


def _text(value: Any) -> str:
    return json.dumps(short(value), default=str)[:MAX_TEXT]


def _float(value: Any) -> float | None:
    return value if isinstance(value, float) and math.isinf(value) else to_finite(value)
