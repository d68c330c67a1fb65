"""The process that holds torch's elastic agent: it warms up, takes one run directory from stdin, and starts workers.

On Linux without a GPU workers are forked from here, with everything imported, which makes them ready in a fraction
of a second. CUDA does not survive a fork once it is touched, and macOS frameworks none at all, so there they spawn.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import warnings
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.engines.engine import Outcome
from launcher.errors import RequestError
from launcher.runs import Run

if TYPE_CHECKING:
    from launcher.parallel.plan import Plan

SHUTDOWN_TIMEOUT_S = 30
MONITOR_INTERVAL_S = 0.1


def main() -> None:
    """Read a run directory from stdin, run it, print its outcome as one line of JSON."""
    # Before torch is imported: the answer about GPUs must come without a CUDA context in this process.
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    # A store kept over attempts holds stale keys, and a restarted group never forms (pytorch#135712).
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    warm_up()
    line = sys.stdin.readline().strip()
    if not line:
        return
    threading.Thread(target=end_with_parent, daemon=True).start()
    request = json.loads(line)
    run = Run(Path(request["run"]))
    answer = os.dup(1)
    redirect_output(run.agent_log_path)
    outcome = launch(run, request["worker"])
    os.write(answer, (json.dumps(asdict(outcome)) + "\n").encode())


def warm_up() -> None:
    """Import what every worker needs; a forked worker starts with it."""
    import wandb  # noqa: F401

    import launcher.training.worker  # noqa: F401


def launch(run: Run, worker: str) -> Outcome:
    """Start `main` of the module `worker` in each process and wait; restarts are the elastic agent's."""
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    from launcher.config.compose import from_file
    from launcher.parallel.plan import Plan
    from launcher.training.footprint import refuse_model

    settings = from_file(run.config_path)
    plan = Plan.load(run.plan_path)
    refusal = refuse_model(settings, plan.axes)
    if refusal is not None:
        return Outcome(exit_code=RequestError.exit_code, attempt=0, refused=refusal)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=plan.num_processes,
        run_id=run.id,
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        local_addr="127.0.0.1",
        max_restarts=settings.engine.max_restarts,
        monitor_interval=MONITOR_INTERVAL_S,
        start_method=start_method(plan),
        shutdown_timeout=SHUTDOWN_TIMEOUT_S,
        signals_to_handle="SIGTERM,SIGINT,SIGHUP",
    )
    # Gloo asks for the host's name else, which many laptops can't resolve, and would listen to the network.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    # A forked worker takes its thread count from torch.set_num_threads, a spawned one from here.
    os.environ["OMP_NUM_THREADS"] = str(plan.threads)
    try:
        elastic_launch(config, import_module(worker).main)(str(run.path))
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        return Outcome(exit_code=failure.exitcode, attempt=last_attempt(run), failed_rank=rank)
    except SignalException as error:
        return Outcome(exit_code=128 + error.sigval, attempt=last_attempt(run))
    return Outcome(exit_code=0, attempt=last_attempt(run))


def start_method(plan: Plan) -> str:
    """`fork` where it is safe, else `spawn`."""
    return "fork" if plan.device == "cpu" and sys.platform == "linux" else "spawn"


def last_attempt(run: Run) -> int:
    """The newest attempt that wrote a log."""
    return max(run.attempts(), default=0)


def end_with_parent() -> None:
    """Wait for the pipe from the parent to close, which it does when the parent dies, then end the workers."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def redirect_output(path: Path) -> None:
    """Send this process's stdout and stderr to its log; stdin stays the pipe that tells of the parent."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    logging.basicConfig(level=logging.WARNING)
    # Forked workers replace their stdin and streams at once and touch no lock that the watching thread holds.
    warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork.*", category=DeprecationWarning)


if __name__ == "__main__":
    main()
