"""The process that holds torch's elastic agent: it warms up, takes attempts at a run from stdin, and starts workers.

On Linux without a GPU workers are forked from here, with everything imported, which makes them ready in a fraction
of a second. CUDA does not survive a fork once it is touched, and macOS frameworks none at all, so there they spawn.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from launcher.engines.engine import Outcome
from launcher.errors import RequestError
from launcher.runs import Run

if TYPE_CHECKING:
    from launcher.parallel.plan import Plan

MONITOR_INTERVAL_S = 0.1
LOOK_INTERVAL_S = 1.0


def main() -> None:
    """Read attempts from stdin, a line of JSON each; start the workers of each and print its outcome as another."""
    # Before torch is imported: the answer about GPUs must come without a CUDA context in this process.
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    # torch keeps so many of a rank's last collectives, for the report on a rank that hangs.
    os.environ.setdefault("TORCH_FR_BUFFER_SIZE", "2000")
    # A store kept over attempts holds stale keys, and a restarted group never forms (pytorch#135712).
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    warm_up()
    inbox = Inbox()
    threading.Thread(target=inbox.fill, daemon=True).start()
    answer = os.dup(1)
    while line := inbox.lines.get():
        request = json.loads(line)
        run = Run(Path(request["run"]))
        redirect_output(run.agent_log_path)
        outcome = launch(run, request["worker"], request["attempt"])
        inbox.open -= 1
        os.write(answer, (json.dumps(asdict(outcome)) + "\n").encode())


class Inbox:
    """Lines from the parent, and how many of them are not answered."""

    def __init__(self) -> None:
        self.lines: SimpleQueue[str] = SimpleQueue()
        self.open = 0

    def fill(self) -> None:
        """Read until the parent's end of the pipe closes; if workers run then, it has died, and all here ends at once.

        This process has a session of its own, which holds the workers and what they started.
        """
        # Not through sys.stdin, whose lock a forked worker would find held.
        rest = b""
        while block := os.read(0, 1 << 16):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                self.open += 1
                self.lines.put(line.decode())
        if self.open:
            os.killpg(0, signal.SIGKILL)
        self.lines.put("")


def warm_up() -> None:
    """Import what every worker needs; a forked worker starts with it."""
    import wandb  # noqa: F401

    import launcher.training.worker  # noqa: F401


def launch(run: Run, worker: str, attempt: int) -> Outcome:
    """Start `main` of the module `worker` in each process, with the run and the attempt, and wait.

    Restarts are not the elastic agent's: the caller knows why an attempt failed, and what is left to start on.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    from launcher.checkpoints.marker import published
    from launcher.config.compose import from_file
    from launcher.parallel.plan import Plan
    from launcher.training.preflight import refuse

    settings = from_file(run.config_path)
    plan = Plan.load(run.plan_path)
    refusal = refuse(settings, plan.axes, is_new=not published(run.checkpoints_dir))
    if refusal is not None:
        return Outcome(exit_code=RequestError.exit_code, attempt=attempt, refused=refusal)
    # Gloo asks for the host's name else, which many laptops can't resolve, and would listen to the network.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    # A forked worker takes its thread count from torch.set_num_threads, a spawned one from here.
    os.environ["OMP_NUM_THREADS"] = str(plan.threads)
    with tempfile.TemporaryDirectory(prefix="windlass-agent-") as scratch:
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=plan.num_processes,
            run_id=f"{run.id}-{attempt}",
            rdzv_backend="c10d",
            rdzv_endpoint="127.0.0.1:0",
            local_addr="127.0.0.1",
            max_restarts=0,
            monitor_interval=MONITOR_INTERVAL_S,
            start_method=start_method(plan),
            shutdown_timeout=int(settings.engine.grace_s) + 1,
            signals_to_handle="SIGTERM,SIGINT,SIGHUP,SIGUSR1",
            logs_specs=DefaultLogsSpecs(log_dir=scratch),
        )
        try:
            with ending_stuck(run.log_path(attempt=attempt, rank=0).parent):
                elastic_launch(config, import_module(worker).main)(str(run.path), attempt)
        except ChildFailedError as error:
            rank, failure = error.get_first_failure()
            return Outcome(exit_code=failure.exitcode, attempt=attempt, failed_rank=rank)
        except SignalException as error:
            return Outcome(exit_code=128 + error.sigval, attempt=attempt)
    return Outcome(exit_code=0, attempt=attempt)


@contextlib.contextmanager
def ending_stuck(directory: Path) -> Iterator[None]:
    """End workers that can't end themselves, as the directory of their attempt tells."""
    from launcher.training.stacks import end_stuck

    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_INTERVAL_S):
            end_stuck(directory)

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield
    finally:
        over.set()
        looking.join()


def start_method(plan: Plan) -> str:
    """`fork` where it is safe, else `spawn`."""
    return "fork" if plan.device == "cpu" and sys.platform == "linux" else "spawn"


def redirect_output(path: Path) -> None:
    """Send this process's stdout and stderr to its log."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    logging.basicConfig(level=logging.WARNING)
    # Forked workers replace their stdin and streams at once and touch no lock that the watching thread holds.
    warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork.*", category=DeprecationWarning)


if __name__ == "__main__":
    main()
