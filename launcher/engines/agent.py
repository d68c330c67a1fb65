"""A warm process: it imports what every worker needs, then takes attempts at runs and has a child serve each.

Children are forked, so they begin with everything imported, and what happens in one stays there. On Linux without a
GPU such a child is the worker, or forks several in turn, which makes them ready in a fraction of a second. CUDA does
not survive a fork once it is touched, so with it workers spawn. On macOS, whose frameworks no fork survives, this
process serves by itself.

One line of JSON each way: a request {"id", "run", "worker", "attempt", "environment"}; as an answer {"id", "pid"} at
once and {"id", "outcome"} in the end. It has one thread, because a fork takes no other along.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from launcher.engines.engine import THOROUGH, Outcome
from launcher.runs import Run

FORKS = sys.platform == "linux"
LOOK_INTERVAL_S = 1.0
IMPORTED = ("wandb", "launcher.engines.launch", "launcher.training.worker")
IMPORTED_ONCE = ("pyarrow.compute", "torchmetrics", "wandb.sdk.launch")
"""What workers import late or not at all; where many are forked it pays to have it."""


def main() -> None:
    """Serve until the parent's end of the pipe closes; what runs then ends at once, since the parent has died.

    This process has a session of its own, which holds all that it started.
    """
    # Before torch is imported: the answer about GPUs must come without a CUDA context in this process.
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    # torch keeps so many of a rank's last collectives, for the report on a rank that hangs.
    os.environ.setdefault("TORCH_FR_BUFFER_SIZE", "2000")
    # A store kept over attempts holds stale keys, and a restarted group never forms (pytorch#135712).
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    answers = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no answer
    warm_up(thorough=THOROUGH in sys.argv)
    children: dict[int, Child] = {}
    rest = b""
    while True:
        ready, _, _ = select.select([0, *children], [], [], LOOK_INTERVAL_S if children else None)
        for child in children.values():
            child.end_if_stuck()
        for descriptor in ready:
            if descriptor != 0:
                child = children.pop(descriptor)
                tell(answers, id=child.id, outcome=asdict(child.end()))
                continue
            # Not through sys.stdin, whose lock a forked worker would find held.
            block = os.read(0, 1 << 16)
            if not block and children:
                os.killpg(0, signal.SIGKILL)
            if not block:
                return
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                request = json.loads(line)
                if FORKS:
                    child = Child(request, answers)
                    children[child.descriptor] = child
                    tell(answers, id=child.id, pid=child.pid)
                else:
                    tell(answers, id=request["id"], pid=os.getpid())
                    tell(answers, id=request["id"], outcome=asdict(serve(request, lambda: None)))


class Child:
    """A forked process that serves one request; its `descriptor` can be read once it has ended."""

    def __init__(self, request: dict[str, Any], answers: int) -> None:
        self.id, self._attempt = request["id"], request["attempt"]
        self._logs = Run(Path(request["run"])).log_path(attempt=self._attempt, rank=0).parent
        self._reading, writing = os.pipe()
        agent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                end_with(agent)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                for held in (self._reading, answers):  # else who outlives the agent hides its end
                    os.close(held)
                outcome = serve(request, lambda: tell(writing, failed_rank=0))
                tell(writing, **asdict(outcome))
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        os.close(writing)
        self.descriptor = os.pidfd_open(self.pid)  # the pipe's end may be held by what its workers left behind

    def end_if_stuck(self) -> None:
        """Kill it if it is a worker that can't end itself, as the directory of its attempt tells."""
        from launcher.training.stacks import end_stuck

        end_stuck(self._logs)

    def end(self) -> Outcome:
        """What it said of its attempt, or its own end where it was the worker, or was killed before it could tell."""
        os.set_blocking(self._reading, False)
        try:
            said = os.read(self._reading, 1 << 16)
        except BlockingIOError:
            said = b""
        os.close(self._reading)
        os.close(self.descriptor)
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        told: dict[str, Any] = {"exit_code": code, "attempt": self._attempt}
        for line in said.splitlines():
            told |= json.loads(line)
        if told["exit_code"] == 0 or told["exit_code"] > 128:
            told["failed_rank"] = None
        return Outcome(**told)


def warm_up(*, thorough: bool) -> None:
    """Import what every worker needs; a forked worker starts with it."""
    for name in IMPORTED + (IMPORTED_ONCE if thorough else ()):
        import_module(name)


def tell(descriptor: int, **values: Any) -> None:
    """Write a line of JSON."""
    os.write(descriptor, (json.dumps(values) + "\n").encode())


def serve(request: dict[str, Any], alone: Callable[[], None]) -> Outcome:
    """One attempt at a run; `alone` is called if this process becomes its worker."""
    from launcher.engines.launch import launch

    run = Run(Path(request["run"]))
    redirect_output(run.agent_log_path)
    os.environ.update(request["environment"])
    return launch(run, request["worker"], request["attempt"], alone=alone)


def redirect_output(path: Path) -> None:
    """Send this process's stdout and stderr to its log."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    logging.basicConfig(level=logging.WARNING)
    # Forked workers replace their stdin and streams at once and touch no lock that the watching thread holds.
    warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork.*", category=DeprecationWarning)


def end_with(parent: int) -> None:
    """Have the kernel kill this process when the one that forked it ends."""
    from launcher.training.vigil import end_with

    end_with(parent)


if __name__ == "__main__":
    main()
