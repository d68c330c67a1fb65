"""Why a run failed: the first rank that failed by itself, the likely cause, and what to type next."""

from __future__ import annotations

import contextlib
import re
import signal
import time
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from launcher.engines.engine import Outcome
from launcher.jobs.hang import Hang, find_hang
from launcher.runs import Run, read_json, write_json

LOG_LINES = 6
SEARCHED_LINES = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The root cause of a failed run, as `failure.json` holds it."""

    cause: str
    message: str
    advice: str  # what to type next
    rank: int | None
    attempt: int
    phase: str | None
    step: int | None
    exit_code: int
    traceback: str  # the last frames; empty where there was no Python exception
    log_tail: list[str]
    time: float


@dataclass(frozen=True, slots=True)
class _Cause:
    name: str
    pattern: re.Pattern[str]  # matched against "Type: message" for the type and each of its bases, a line each
    advice: str


def _cause(name: str, pattern: str, advice: str) -> _Cause:
    return _Cause(name, re.compile(pattern, re.IGNORECASE | re.MULTILINE), advice)


# What a broken collective or store raises; in other errors the same words are the user's own.
_FROM_A_PEER = r"^(RuntimeError|Dist\w*Error|TimeoutError|Connection\w*Error|BrokenPipeError): .*"

# The first that matches is the cause; what matches none is the user's code.
_CAUSES = (
    _cause(
        "non-finite loss",
        r"^NonFiniteError",
        "lower the learning rate (optimizer.lr=...), clip gradients (trainer.gradient_clip_norm=1.0), "
        "warm up longer (scheduler.warmup_fraction=0.1), or use trainer.precision=fp32",
    ),
    _cause(
        "out of memory on device",
        r"OutOfMemoryError|(CUDA|HIP|MPS backend|NPU).{0,20}out of memory|CUBLAS_STATUS_ALLOC_FAILED",
        "halve what a device holds at once: trainer.micro_batch_size=...; the global batch and the result stay",
    ),
    _cause(
        "killed by the system (host memory)",
        r"^MemoryError|can't allocate memory|Cannot allocate memory|^Killed",
        "use fewer processes (engine.num_processes=...), a smaller trainer.micro_batch_size, or a machine with "
        "more memory",
    ),
    _cause(
        "data",
        r"^DataError|ArrowInvalid|ArrowIOError",
        "look at the data set; preparation runs again after: windlass check ...",
    ),
    _cause(
        "wrong request",
        r"^RequestError",
        "change what the message names, and start it again: windlass train ...",
    ),
    _cause(
        "timeout",
        _FROM_A_PEER + r"(timed? ?out|Watchdog caught collective)",
        "one rank waited for another for too long; see which log stands still: windlass runs logs {run}",
    ),
    _cause(
        "communication",
        r"^(DistBackendError|DistNetworkError)|"
        + _FROM_A_PEER
        + r"(Connection (closed|reset|refused)|gloo|NCCL|Broken pipe|connectFullMesh|sendBytes|recvBytes)",
        "a peer or the network went away; see the logs of the other ranks: windlass runs logs {run}",
    ),
    _cause(
        "interrupted",
        r"^(KeyboardInterrupt|Stopped)",
        "a worker was told to end from outside; start it again: windlass train ...",
    ),
)
_USER_CODE = _cause("user code", r"", "mend the line that the traceback names, then try: windlass check ...")
_CRASH = _cause("user code", r"", "native code may have crashed; see the end of its log: windlass runs logs {run}")
_ECHOES = ("communication", "timeout")
"""What the end of one rank does to the others."""


def explain(run: Run, outcome: Outcome) -> Failure:
    """Find the root cause of a failed run and write `failure.json`."""
    records = [read_json(path) for path in _record_paths(run, outcome.attempt)]
    silent = _silent_ranks(run, outcome.attempt, records)
    record, hang = _root(records), find_hang(run, outcome.attempt)
    if hang is not None and not _explains(record, hang):
        failure = _from_hang(run, outcome, hang)
    elif record is None or (silent and _classify(record).name in _ECHOES):
        failure = _sudden_death(run, outcome, silent)
    else:
        failure = _from_record(run, outcome, record)
    with contextlib.suppress(OSError):  # a full disk must not hide the cause
        write_json(run.failure_path, asdict(failure))
    return failure


def _record_paths(run: Run, attempt: int) -> list[Path]:
    return sorted(run.rank_failure_path(attempt=attempt, rank=0).parent.glob("failure_*.json"))


def _root(records: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The earliest failure that no other rank's end explains; lost connections are most often an echo."""
    own = [record for record in records if _classify(record).name not in _ECHOES]
    return min(own or records, key=lambda record: record["time"], default=None)


def _explains(record: dict[str, Any] | None, hang: Hang) -> bool:
    """Whether others waited in vain because a rank had failed before by itself."""
    return record is not None and _classify(record).name not in _ECHOES and record["time"] < hang.time


def _silent_ranks(run: Run, attempt: int, records: list[dict[str, Any]]) -> list[int]:
    """Ranks that began a log and left neither a failure record nor a word that they were stopped."""
    spoke = {record["rank"] for record in records}
    logs = run.log_path(attempt=attempt, rank=0).parent.glob("rank_*.log")
    ranks = sorted(int(path.stem.removeprefix("rank_")) for path in logs)
    return [rank for rank in ranks if rank not in spoke and not run.left_path(attempt=attempt, rank=rank).exists()]


def _classify(record: dict[str, Any]) -> _Cause:
    text = "\n".join(f"{name}: {record['message']}" for name in record["bases"])
    return next((cause for cause in _CAUSES if cause.pattern.search(text)), _USER_CODE)


def _from_record(run: Run, outcome: Outcome, record: dict[str, Any]) -> Failure:
    cause = _classify(record)
    return Failure(
        cause=cause.name,
        message=f"{record['type']}: {record['message']}",
        advice=cause.advice.format(run=run.id),
        rank=record["rank"],
        attempt=outcome.attempt,
        phase=record["phase"],
        step=record["step"],
        exit_code=outcome.exit_code,
        traceback="" if record["expected"] else record["traceback"],
        log_tail=_tail(run.log_path(attempt=outcome.attempt, rank=record["rank"])),
        time=record["time"],
    )


def _from_hang(run: Run, outcome: Outcome, hang: Hang) -> Failure:
    return Failure(
        cause="hang",
        message=hang.message,
        advice=hang.advice,
        rank=hang.rank,
        attempt=outcome.attempt,
        phase=hang.phase,
        step=hang.step,
        exit_code=outcome.exit_code,
        traceback=hang.stack,
        log_tail=_tail(run.log_path(attempt=outcome.attempt, rank=hang.rank)),
        time=hang.time,
    )


def _sudden_death(run: Run, outcome: Outcome, silent: list[int]) -> Failure:
    """A worker that said nothing: a signal or a crash of native code ended it."""
    rank = outcome.failed_rank if outcome.failed_rank in silent or not silent else silent[0]
    log = _tail(run.agent_log_path if rank is None else run.log_path(attempt=outcome.attempt, rank=rank))
    cause, message = _last_word(run, outcome, rank, crashed=any("Fatal Python error" in line for line in log))
    return Failure(
        cause=cause.name,
        message=message,
        advice=cause.advice.format(run=run.id),
        rank=rank,
        attempt=outcome.attempt,
        phase=None,
        step=run.last_step(),
        exit_code=outcome.exit_code,
        traceback="",
        log_tail=log,
        time=time.time(),
    )


def _last_word(run: Run, outcome: Outcome, rank: int | None, *, crashed: bool) -> tuple[_Cause, str]:
    """Cause and message for a rank without a record; the engine knows the exit code of the first failed rank only."""
    code = outcome.exit_code
    if rank is None and code > 128:
        name = signal.Signals(code - 128).name
        return _named("interrupted"), f"the workers were ended by {name}, which reached their agent"
    if rank is None:
        return _CRASH, f"no worker started (exit code {code}); see {run.agent_log_path}"
    if crashed:
        return _CRASH, f"rank {rank} crashed in native code"
    if rank != outcome.failed_rank:
        return _named("killed"), f"rank {rank} ended without a word; most often the system killed it for its memory"
    if code == -signal.SIGKILL:
        return _named("killed"), f"rank {rank} was killed by SIGKILL, as the system does when the memory is full"
    if code in (-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP):
        return _named("interrupted"), f"rank {rank} was ended by {signal.Signals(-code).name}"
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return _CRASH, f"rank {rank} ended with {how} and no Python exception"


def _named(beginning: str) -> _Cause:
    return next(cause for cause in _CAUSES if cause.name.startswith(beginning))


def _tail(path: Path) -> list[str]:
    """The last lines of a log; a Python traceback at its end is left out, since a failure holds its own."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", errors="replace") as file:
        lines = [line.rstrip("\n") for line in deque(file, maxlen=SEARCHED_LINES)]
    end = next((place for place, line in enumerate(lines) if line.startswith("Traceback (most recent")), len(lines))
    return lines[max(0, end - LOG_LINES) : end]
