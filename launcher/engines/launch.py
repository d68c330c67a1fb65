"""One attempt at a run: its workers are started, and waited for."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.engines.engine import Outcome, start_method, works_alone
from launcher.errors import EngineError, RequestError
from launcher.training.vigil import end_with

if TYPE_CHECKING:
    from launcher.parallel.plan import Plan
    from launcher.runs import Run

MONITOR_INTERVAL_S = 0.1
LOOK_INTERVAL_S = 1.0


def launch(run: Run, worker: str, attempt: int, *, alone: Callable[[], None]) -> Outcome:
    """Start `main` of the module `worker` in each process, with the run and the attempt, and wait.

    A lone worker that can be forked is this process itself, which mostly ends in there with the worker's exit code;
    `alone` is called before. Of several that are forked, what a user's own code does to a process stays in them.
    """
    from launcher.config.compose import from_file
    from launcher.parallel.plan import Plan

    settings = from_file(run.config_path)
    plan = Plan.load(run.plan_path)
    # Gloo asks for the host's name else, which many laptops can't resolve, and would listen to the network.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    # A forked worker takes its thread count from torch.set_num_threads, a spawned one from here.
    os.environ["OMP_NUM_THREADS"] = str(plan.threads)
    main = import_module(worker).main

    def check() -> str | None:
        from launcher.checkpoints.marker import published
        from launcher.training.preflight import refuse

        return refuse(settings, plan.axes, is_new=not published(run.checkpoints_dir))

    is_alone = works_alone(plan)
    refusal = ask_child(check) if not is_alone and start_method(plan) == "fork" else check()
    if refusal is not None:
        return Outcome(exit_code=RequestError.exit_code, attempt=attempt, refused=refusal)
    if is_alone:
        os.environ.update(RANK="0", WORLD_SIZE="1")
        alone()
        main(str(run.path), attempt)
        return Outcome(exit_code=0, attempt=attempt)
    with ending_stuck(run.log_path(attempt=attempt, rank=0).parent):
        return launch_group(run, main, attempt, plan, grace_s=settings.engine.grace_s + 1)


def ask_child(question: Callable[[], str | None]) -> str | None:
    """The answer of a child, so that nothing of what it takes to find it stays in this process."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    parent = os.getpid()

    def answer() -> None:
        end_with(parent)
        sender.send(question())

    child = multiprocessing.get_context("fork").Process(target=answer)
    child.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        raise EngineError(f"the check before the workers start ended with {child.exitcode}") from None
    finally:
        child.join()
        receiver.close()


def launch_group(run: Run, main: Callable[[str, int], None], attempt: int, plan: Plan, *, grace_s: float) -> Outcome:
    """Start workers through torch's elastic agent, which has them find each other.

    Restarts are not the elastic agent's: the caller knows why an attempt failed, and what is left to start on.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

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
            shutdown_timeout=int(grace_s),
            signals_to_handle="SIGTERM,SIGINT,SIGHUP,SIGUSR1",
            logs_specs=DefaultLogsSpecs(log_dir=scratch),
        )
        try:
            elastic_launch(config, main)(str(run.path), attempt)
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
