"""What an engine is: something that starts workers somewhere and says how they ended."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from launcher.runs import Run

if TYPE_CHECKING:
    from launcher.parallel.devices import Devices
    from launcher.parallel.plan import Plan

TRAINING = "launcher.training.worker"
THOROUGH = "--thorough"
"""Has the agent import also what workers need later than their first step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the workers of a run ended."""

    exit_code: int  # 0, or that of the first worker that failed (negative for a signal), or 128 + signal
    attempt: int  # from 0
    failed_rank: int | None = None  # the first that the engine saw fail
    refused: str | None = None  # why the workers were not started: the request was wrong


def start_method(plan: Plan) -> str:
    """`fork` where it is safe, else `spawn`."""
    return "fork" if plan.device == "cpu" and sys.platform == "linux" else "spawn"


def works_alone(plan: Plan) -> bool:
    """Whether no group has to form: the process that serves the attempt becomes the worker, and so starts at once."""
    return plan.num_processes == 1 and start_method(plan) == "fork"


class Engine(Protocol):
    """The contract of `engines/`: one file an engine."""

    def devices(self, wanted: str) -> Devices:
        """What workers can be started on; `wanted` is `engine.device`."""
        ...

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
        """Ask the workers to end, or with SIGKILL make them; `poll` says when they have."""
        ...

    def close(self) -> None:
        """Leave nothing behind, also where `start` was never called."""
        ...
