"""An engine whose workers are a shell script: real processes and signals without the seconds of a real launch."""

from __future__ import annotations

import json
import shlex
import subprocess

from launcher.engines.engine import TRAINING, Outcome
from launcher.parallel.devices import Devices
from launcher.runs import Run

WAIT_UNTIL_WATCHED = "until grep -q running job.json; do sleep 0.02; done; "


class Shell:
    """An engine whose only worker, in each attempt, is the next of some scripts in the run directory."""

    def __init__(self, *scripts: str) -> None:
        self._scripts = list(scripts)
        self.attempts: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None

    def devices(self, wanted: str) -> Devices:
        return Devices(cpu_cores=1)

    def prepare(self) -> None:
        """Nothing takes time here."""

    def start(self, run: Run, worker: str = TRAINING, *, attempt: int = 0) -> None:
        self.attempts.append(attempt)
        run.log_path(attempt=attempt, rank=0).parent.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(["sh", "-c", self._scripts.pop(0)], cwd=run.path)

    def poll(self, timeout_s: float) -> Outcome | None:
        assert self._process is not None
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        return Outcome(exit_code=code, attempt=self.attempts[-1], failed_rank=0 if code else None)

    def interrupt(self, signum: int) -> None:
        assert self._process is not None
        self._process.send_signal(signum)

    def close(self) -> None:
        """The script has ended."""


def echo(**event: object) -> str:
    """Report an event."""
    return f"echo {shlex.quote(json.dumps(event))} >> events.jsonl; "


def fail(message: str, *, attempt: int = 0, step: int = 3, kind: str = "ValueError") -> str:
    """End as a worker does that raised an error."""
    record = {"rank": 0, "attempt": attempt, "time": 1.0, "type": kind, "bases": [kind, "Exception"]}
    record |= {"message": message, "expected": False, "phase": "training", "step": step, "traceback": ""}
    return f"echo {shlex.quote(json.dumps(record))} > logs/attempt_{attempt}/failure_0.json; exit 1"
