"""What an engine is: something that starts workers somewhere and says how they ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from launcher.runs import Run

TRAINING = "launcher.training.worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the workers of a run ended."""

    exit_code: int  # 0, or that of the first worker that failed (negative for a signal), or 128 + signal
    attempt: int  # from 0
    failed_rank: int | None = None  # the first that the engine saw fail
    refused: str | None = None  # why the workers were not started: the request was wrong


class Engine(Protocol):
    """The contract of `engines/`: one file an engine."""

    def prepare(self) -> None:
        """Begin what takes time before a run directory exists; optional work, safe to repeat."""
        ...

    def start(self, run: Run, worker: str = TRAINING, *, attempt: int = 0) -> None:
        """Start the workers of a run: `main` of a module, called with the run directory and the attempt.

        Once an attempt has ended, another may be started.
        """
        ...

    def poll(self, timeout_s: float) -> Outcome | None:
        """Wait so long for the end; None while workers run."""
        ...

    def interrupt(self, signum: int) -> None:
        """Ask the workers to end; `poll` says when they have."""
        ...

    def close(self) -> None:
        """Leave nothing behind, also where `start` was never called."""
        ...
