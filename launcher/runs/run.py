"""One run, seen through its directory: paths, state and events."""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from launcher.runs.files import read_json
from launcher.runs.held import Held
from launcher.runs.history import history, last_event
from launcher.runs.process import is_alive

ACTIVE = ("starting", "running")
LOST_AFTER_S = 300.0
"""A run on another machine whose heartbeat is older than this is taken for lost; clocks differ, disks are slow."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run, seen through its directory.

    What is reported while it runs never raises for the disk's sake: it is held and written later. A directory that
    somebody removes meanwhile is made anew.
    """

    path: Path
    _held: Held = field(default_factory=Held, init=False, repr=False, compare=False)

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
    def job_path(self) -> Path:
        return self.path / "job.json"

    @property
    def lock_path(self) -> Path:
        """Locked by the process that holds the run."""
        return self.path / ".lock"

    @property
    def events_path(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def checkpoints_dir(self) -> Path:
        return self.path / "checkpoints"

    @property
    def model_dir(self) -> Path:
        return self.path / "model"

    @property
    def export_dir(self) -> Path:
        return self.path / "export"

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
        return self._attempt_dir(attempt) / f"rank_{rank}.log"

    def rank_failure_path(self, *, attempt: int, rank: int) -> Path:
        return self._attempt_dir(attempt) / f"failure_{rank}.json"

    def left_path(self, *, attempt: int, rank: int) -> Path:
        """Exists once a rank has left in order: finished, or stopped by a signal."""
        return self._attempt_dir(attempt) / f"left_{rank}"

    def mark_left(self, *, attempt: int, rank: int) -> None:
        """Make `left_path`, if the disk lets us."""
        path = self.left_path(attempt=attempt, rank=rank)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    def _attempt_dir(self, attempt: int) -> Path:
        return self.logs_dir / f"attempt_{attempt}"

    def attempts(self) -> list[int]:
        """Numbers of the attempts that have logs, oldest first."""
        return sorted(int(p.name.removeprefix("attempt_")) for p in self.logs_dir.glob("attempt_*"))

    @property
    def job(self) -> dict[str, Any]:
        """What `job.json` says: state, engine, pid, host, heartbeat and times."""
        return read_json(self.job_path)

    def update_job(self, **changes: Any) -> bool:
        """Change some of what `job.json` says; returns whether it is on the disk.

        What the disk does not take is written with the next change.

        Raises:
            OSError: the disk refuses the first change by this process, without which there is no run.
        """
        return self._held.change(self.job_path, changes)

    @property
    def state(self) -> str:
        """`starting`, `running`, one of the ended states, or `lost` where the process that ran it is gone."""
        job = self.job
        state = job.get("state", "lost")
        if state not in ACTIVE:
            return state
        if job.get("host") != socket.gethostname():
            return "lost" if self._silence_s(job) > LOST_AFTER_S else state
        return state if is_alive(job) else "lost"

    @property
    def last_sign(self) -> float:
        """Unix time of the last that was heard of it; 0 where it never began."""
        reported = self.events_path.stat().st_mtime if self.events_path.exists() else 0.0
        return max(reported, _heartbeat(self.job))

    def _silence_s(self, job: dict[str, Any]) -> float:
        """Seconds since the last heartbeat; where the clock that wrote it was ahead, by the time of the file."""
        silence = time.time() - _heartbeat(job)
        if silence < 0:
            with contextlib.suppress(FileNotFoundError):
                silence = time.time() - self.job_path.stat().st_mtime
        return silence

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
        """Every reported event of one name (`step`, `evaluation`, ...), oldest first.

        Of steps that were done again after a resume only the last is there.
        """
        return history(self.events_path, event)

    def last_step(self) -> int | None:
        """The last step that was reported."""
        event = self.last_event("step")
        return None if event is None else event["step"]

    def last_event(self, event: str) -> dict[str, Any] | None:
        """The last of `history(event)`, without reading all of it."""
        return last_event(self.events_path, event)

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
            "attempt": job.get("attempt"),
            "step": step.get("step"),
            "loss": step.get("loss"),
            "metrics": self.metrics,
        }

    def report(self, event: str, **values: Any) -> dict[str, Any]:
        """Append one event and return it; its line is written at once, so a reader never waits for a buffer.

        While the disk takes nothing, events are held in memory; once it does, they are written in their order, and a
        warning says so.
        """
        whole = {"event": event, "time": time.time(), **values}
        self._held.append(self.events_path, whole)
        return whole


def _heartbeat(job: dict[str, Any]) -> float:
    """When the run last said that it is alive; 0 where it did not, or said what is no time."""
    value = job.get("heartbeat")
    return float(value) if isinstance(value, (int, float)) and abs(value) < 1e18 else 0.0
