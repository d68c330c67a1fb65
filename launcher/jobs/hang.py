"""Which rank hangs, told from what the ranks of an attempt wrote before they ended themselves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launcher.runs import Run, read_json
from launcher.runs.hang import hang_paths, stacks_path, stacks_paths
from launcher.training.stacks import WARNINGS, Warned, place, read_warnings, words

_WAITING = (None, "backward", "collective")
"""From the rank that waits for no other to the one that certainly does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang:
    """The rank that the others waited for."""

    rank: int
    step: int | None  # the last one that it has done
    phase: str | None
    message: str
    advice: str
    stack: str  # of its main thread; empty where it wrote none
    time: float  # when the first rank gave up


def find_hang(run: Run, attempt: int) -> Hang | None:
    """The rank that lags; None where nobody gave up.

    Most telling first: a rank whose native code keeps Python from running, one that wrote nothing at all while others
    waited, then the lowest step, and among equals the one that waits for no other rank.
    """
    directory = run.log_path(attempt=attempt, rank=0).parent
    records = [read_json(path) for path in hang_paths(directory)]
    spoke = {record["rank"] for record in records}
    warned = [w for path in stacks_paths(directory) if (w := read_warnings(path)) is not None]
    # A single warning counts only where others waited: a worker that was busy when a peer died leaves one too.
    stuck = [w for w in warned if w.rank not in spoke and (records or w.num_warnings >= WARNINGS)]
    if stuck:
        return _stuck(run, directory, min(stuck, key=lambda w: (-w.num_warnings, w.rank)), records)
    if not records:
        return None
    silent = _silent_ranks(run, attempt, spoke)
    return _silent(directory, silent[0], records) if silent else _slowest(directory, records)


def _silent_ranks(run: Run, attempt: int, spoke: set[int]) -> list[int]:
    ranks = (
        int(path.stem.removeprefix("rank_")) for path in run.log_path(attempt=attempt, rank=0).parent.glob("rank_*.log")
    )
    ended = (run.left_path, run.rank_failure_path)
    return sorted(
        r for r in ranks if r not in spoke and not any(path(attempt=attempt, rank=r).exists() for path in ended)
    )


def _slowest(directory: Path, records: Sequence[dict[str, Any]]) -> Hang:
    record = min(records, key=_guilt)
    what = "step" if record["stepping"] else "progress"
    message = f"rank {record['rank']} has made no {what} for {record['seconds']:.0f} s{_after(record['step'])}"
    message += "" if record["stepping"] else f" (phase: {record['phase']})"
    if len(records) > 1 and all(other["waiting"] == "collective" for other in records):
        message += "; all ranks wait for each other, each in a collective that another did not reach"
    return Hang(
        rank=record["rank"],
        step=record["step"],
        phase=record["phase"],
        message=message + _standing(record["where"]),
        advice=_advice(stacks_path(directory, record["rank"]), _key(record), record["seconds"]),
        stack=record["stack"],
        time=min(other["time"] for other in records),
    )


def _guilt(record: dict[str, Any]) -> tuple[Any, ...]:
    step, where = record["step"], record["where"]
    is_ours = where is None or where["ours"]
    return (
        -1 if step is None else step,
        _WAITING.index(record["waiting"]),
        is_ours,
        -record["seconds"],
        record["rank"],
    )


def _stuck(run: Run, directory: Path, warned: Warned, records: Sequence[dict[str, Any]]) -> Hang:
    """Native code holds the interpreter's lock; the others, or the last report, tell the step."""
    path = stacks_path(directory, warned.rank)
    # A peer whose connection broke names the step that it was in; one that gave up, the step before.
    broken = [step - 1 for file in directory.glob("failure_*.json") if (step := read_json(file)["step"]) is not None]
    step = _common_step(records) if records else min(broken, default=run.last_step())
    seconds = max([warned.seconds, *(record["seconds"] for record in records)])
    return Hang(
        rank=warned.rank,
        step=step,
        phase=None,
        message=f"rank {warned.rank} has made no step for {seconds:.0f} s{_after(step)}, in native code that does not "
        f"let Python run{_standing(place(warned.stack)['where'])}",
        advice=_advice(path, "engine.phase_timeout_s" if step is None else "engine.step_timeout_s", seconds),
        stack=words(warned.stack),
        time=min([path.stat().st_mtime, *(record["time"] for record in records)]),
    )


def _silent(directory: Path, rank: int, records: Sequence[dict[str, Any]]) -> Hang:
    step, seconds = _common_step(records), max(record["seconds"] for record in records)
    waited = min(records, key=lambda record: record["rank"])
    return Hang(
        rank=rank,
        step=step,
        phase=waited["phase"],
        message=f"rank {rank} has not answered for {seconds:.0f} s{_after(step)} while others waited for it: its "
        "process was stopped (SIGSTOP, a debugger), or the system did not let it run",
        advice=_advice(stacks_path(directory, waited["rank"]), _key(waited), seconds),
        stack="",
        time=min(record["time"] for record in records),
    )


def _common_step(records: Sequence[dict[str, Any]]) -> int | None:
    return min((record["step"] for record in records if record["step"] is not None), default=None)


def _key(record: dict[str, Any]) -> str:
    return "engine.step_timeout_s" if record["stepping"] else "engine.phase_timeout_s"


def _after(step: int | None) -> str:
    return "" if step is None else f" after step {step}"


def _standing(where: dict[str, Any] | None) -> str:
    if where is None:
        return ""
    file = Path(where["file"])
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    source = f": {where['source']}" if where["source"] else ""
    return f": it stands at {shown}:{where['line']} in {where['function']}{source}"


def _advice(stacks: Path, key: str, seconds: float) -> str:
    return (
        f"see the stack of each of its threads: {os.fspath(stacks)}; if it may take that long: "
        f"{key}={2 * max(round(seconds), 1)} (seconds; {key}=null for ever)"
    )
