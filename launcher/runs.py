"""The run directory: paths, state and events; the only code that knows its file names.

<root>/<run_id>/
  config.yaml      the resolved config, as the workers read it
  plan.json        what every `auto` became: device, processes, threads, batch sizes
  data.json        where the prepared columns lie, and everything that was fitted on the data
  job.json         state, engine, pid, host, heartbeat; written atomically
  events.jsonl     what the workers report while they run, one JSON object a line
  logs/            attempt_<n>/rank_<r>.log, and failure_<r>.json for a rank that raised
  wandb/           the W&B run
  model/           the trained model
  failure.json     the root cause, if it failed
  summary.json     final metrics, throughput, memory, device-hours
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from launcher.errors import RequestError

ACTIVE = ("starting", "running")
LOST_AFTER_S = 300.0
"""A run on another machine whose heartbeat is older than this is taken for lost; clocks differ, disks are slow."""
TAIL_BYTES = 1 << 16


def runs_root() -> Path:
    """The directory that holds runs: `WINDLASS_RUNS_DIR`, else `runs/` in the working directory."""
    return Path(os.environ.get("WINDLASS_RUNS_DIR") or "runs").absolute()


def new_run_id() -> str:
    """A fresh id that sorts by time, such as `20260131-142501-9f3c`."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


@dataclass(frozen=True, slots=True)
class Run:
    """One run, seen through its directory."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def config_path(self) -> Path:
        return self.path / "config.yaml"

    @property
    def plan_path(self) -> Path:
        return self.path / "plan.json"

    @property
    def data_path(self) -> Path:
        return self.path / "data.json"

    @property
    def events_path(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def model_dir(self) -> Path:
        return self.path / "model"

    @property
    def wandb_dir(self) -> Path:
        return self.path / "wandb"

    @property
    def profile_path(self) -> Path:
        return self.path / "profile.json"

    @property
    def summary_path(self) -> Path:
        return self.path / "summary.json"

    @property
    def failure_path(self) -> Path:
        return self.path / "failure.json"

    @property
    def logs_dir(self) -> Path:
        return self.path / "logs"

    @property
    def agent_log_path(self) -> Path:
        return self.logs_dir / "agent.log"

    def log_path(self, *, attempt: int, rank: int) -> Path:
        return self.logs_dir / f"attempt_{attempt}" / f"rank_{rank}.log"

    def rank_failure_path(self, *, attempt: int, rank: int) -> Path:
        return self.logs_dir / f"attempt_{attempt}" / f"failure_{rank}.json"

    def left_path(self, *, attempt: int, rank: int) -> Path:
        """Exists once a rank has left in order: finished, or stopped by a signal."""
        return self.logs_dir / f"attempt_{attempt}" / f"left_{rank}"

    def attempts(self) -> list[int]:
        """Numbers of the attempts that have logs, oldest first."""
        return sorted(int(p.name.removeprefix("attempt_")) for p in self.logs_dir.glob("attempt_*"))

    @property
    def job(self) -> dict[str, Any]:
        """What `job.json` says: state, engine, pid, host, heartbeat and times."""
        return read_json(self.path / "job.json")

    def update_job(self, **changes: Any) -> None:
        write_json(self.path / "job.json", {**self.job, **changes})

    @property
    def state(self) -> str:
        """`starting`, `running`, one of the ended states, or `lost` where the process that ran it is gone."""
        job = self.job
        state = job.get("state", "lost")
        if state not in ACTIVE:
            return state
        if job["host"] != socket.gethostname():
            return "lost" if time.time() - job["heartbeat"] > LOST_AFTER_S else state
        return state if is_alive(job) else "lost"

    @property
    def summary(self) -> dict[str, Any]:
        """Final metrics, throughput and memory; empty before the end."""
        return read_json(self.summary_path)

    @property
    def metrics(self) -> dict[str, float]:
        """Final metrics by name; empty before the end."""
        return self.summary.get("metrics", {})

    @property
    def failure(self) -> dict[str, Any]:
        """The root cause of a failed run; empty otherwise."""
        return read_json(self.failure_path)

    def history(self, event: str = "step") -> list[dict[str, Any]]:
        """Every reported event of one name (`step`, `evaluation`, ...), oldest first."""
        return [item for item, _ in read_events(self.events_path) if item["event"] == event]

    def last_step(self) -> int | None:
        """The last step that was reported."""
        event = self.last_event("step")
        return None if event is None else event["step"]

    def last_event(self, event: str) -> dict[str, Any] | None:
        """The newest event of one name near the end of the file, which may be long."""
        offset = max(0, _size(self.events_path) - TAIL_BYTES)
        found = [item for item, _ in read_events(self.events_path, offset=offset) if item["event"] == event]
        return found[-1] if found else None

    def describe(self) -> dict[str, Any]:
        """The run in one flat object, for listings and scripts."""
        job = self.job
        step = self.last_event("step") or {}
        return {
            "id": self.id,
            "state": self.state,
            "path": str(self.path),
            "model": job.get("model", ""),
            "dataset": job.get("dataset", ""),
            "created": job.get("created", 0.0),
            "ended": job.get("ended"),
            "exit_code": job.get("exit_code"),
            "step": step.get("step"),
            "loss": step.get("loss"),
            "metrics": self.metrics,
        }

    def report(self, event: str, **values: Any) -> dict[str, Any]:
        """Append one event and return it; its line is written at once, so a reader never waits for a buffer."""
        whole = {"event": event, "time": time.time(), **values}
        with self.events_path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(_finite(whole)) + "\n")
        return whole


def create_run(run_id: str | None) -> Run:
    """Make the directory of a new run.

    Raises:
        RequestError: the id exists already, or the disk refuses.
    """
    root = runs_root()
    run = Run(root / (run_id or new_run_id()))
    try:
        root.mkdir(parents=True, exist_ok=True)
        run.path.mkdir()
        run.logs_dir.mkdir()
    except FileExistsError as error:
        refuse_existing(run.id)
        raise RequestError(
            f"runs can't be written to {root}: it is a file; set WINDLASS_RUNS_DIR to a directory"
        ) from error
    except OSError as error:
        shutil.rmtree(run.path, ignore_errors=True)
        raise unwritable(error) from error
    return run


def unwritable(error: OSError) -> RequestError:
    """The error for a disk that refuses to take a run."""
    return RequestError(
        f"runs can't be written to {runs_root()}: {error.strerror}; "
        "set WINDLASS_RUNS_DIR to a directory that has room and can be written"
    )


def refuse_existing(run_id: str | None) -> None:
    """Raise `RequestError` if a run of this id exists, or the id means something else."""
    if run_id == "latest":
        raise RequestError("run_id=latest is how the newest run is called; choose another run_id")
    if run_id is not None and (runs_root() / run_id).exists():
        raise RequestError(
            f"run_id={run_id} exists already in {runs_root()}; choose another run_id, "
            f"or delete it: windlass runs delete {run_id}"
        )


def list_runs() -> list[Run]:
    """All runs, oldest first."""
    root = runs_root()
    runs = [Run(path) for path in root.glob("*") if (path / "job.json").exists()] if root.is_dir() else []
    return sorted(runs, key=lambda run: (run.job.get("created", 0.0), run.id))


def find_run(name: str) -> Run:
    """A run by id, unique prefix, or `latest`.

    Raises:
        RequestError: none or several match.
    """
    runs = list_runs()
    if not runs:
        raise RequestError(f"there are no runs in {runs_root()}; set WINDLASS_RUNS_DIR if yours are elsewhere")
    if name == "latest":
        return runs[-1]
    matches = [run for run in runs if run.id == name] or [run for run in runs if name and run.id.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise RequestError(f"{name!r} is the beginning of {len(matches)} runs: {_names(matches)}; type more of it")
    raise RequestError(f"no run is called {name!r}; the latest are {_names(runs)}")


def _names(runs: list[Run]) -> str:
    return ", ".join(run.id for run in runs[-5:])


def delete_run(run: Run) -> None:
    """Remove a run's directory.

    Raises:
        RequestError: the run is still active.
    """
    if run.state in ACTIVE:
        raise RequestError(f"run {run.id} is {run.state}; stop it first: windlass runs stop {run.id}")
    shutil.rmtree(run.path)


def this_process() -> dict[str, Any]:
    """What names this process beyond its pid, which the system uses again."""
    process = psutil.Process()
    return {"pid": process.pid, "pid_created": process.create_time(), "host": socket.gethostname()}


def is_alive(job: dict[str, Any]) -> bool:
    """Whether the process that `this_process` described still runs on this machine."""
    try:
        process = psutil.Process(job["pid"])
        return abs(process.create_time() - job["pid_created"]) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
    except (KeyError, psutil.NoSuchProcess):
        return False


def read_events(path: Path, *, offset: int = 0) -> Iterator[tuple[dict[str, Any], int]]:
    """Each whole event from a byte offset on, with the offset after it; lines that are cut at an end are left out."""
    if not path.exists():
        return
    with path.open("rb") as file:
        if offset > 0:  # unless an event begins here, go on to the next line
            file.seek(offset - 1)
            offset += len(file.readline()) - 1
        for line in file:
            if line.endswith(b"\n"):
                offset += len(line)
                yield json.loads(line), offset


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file, or an empty one where there is no file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def _finite(value: Any) -> Any:
    """JSON knows no NaN and no infinity: they become null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write so that a reader sees the old or the new content, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(_finite(value), indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
