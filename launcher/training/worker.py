"""What a worker process runs: build, train, finish; it knows its run directory and nothing else."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import torch

from launcher.config.compose import from_file
from launcher.config.targets import add_working_directory
from launcher.errors import WindlassError
from launcher.parallel.plan import Plan
from launcher.runs import Run, write_json
from launcher.training import signals
from launcher.training.build import Assembly, assemble
from launcher.training.finish import finish, save_model, write_sample
from launcher.training.loop import run_steps
from launcher.training.output import redirect_output
from launcher.training.restore import restore
from launcher.training.tracking import WandbTracker
from launcher.training.vigil import Progress, Vigil

TRACEBACK_FRAMES = 8

_outliving: list[Assembly] = []


def main(run_path: str, attempt: int) -> None:
    """Train the run in `run_path`."""
    work(run_path, attempt, train)


def work(run_path: str, attempt: int, do: Callable[[Run, Vigil, list[WandbTracker]], Assembly]) -> None:
    """Do something in a run directory and end this process, with what it knows of a failure written there.

    Rank and world size come from the elastic agent's environment.
    """
    signals.install()
    run, progress = Run(Path(run_path)), Progress()
    rank = int(os.environ["RANK"])
    log = run.log_path(attempt=attempt, rank=rank)
    vigil = Vigil(log.parent, rank=rank, progress=progress)
    vigil.start()
    redirect_output(log)
    print(f"rank {rank} of {os.environ['WORLD_SIZE']}, attempt {attempt}, pid {os.getpid()}")
    add_working_directory()
    trackers: list[WandbTracker] = []
    try:
        job = do(run, vigil, trackers)
    except (Exception, signals.Stopped) as error:
        # A peer that was stopped before us breaks the collective we are in; that is no failure of ours.
        signum = error.signum if isinstance(error, signals.Stopped) else signals.received()
        signals.shield()
        if signum is None:
            record_failure(run, error, progress, attempt=attempt, rank=rank)
            leave(trackers, 1)
        run.mark_left(attempt=attempt, rank=rank)
        leave(trackers, 128 + signum)
    vigil.close()
    run.mark_left(attempt=attempt, rank=rank)
    # A process group that is destroyed while its own thread lets go of a tensor deadlocks over the interpreter's lock,
    # so it never is: the job outlives this function, and the process ends before the interpreter takes it apart.
    _outliving.append(job)
    atexit.register(os._exit, 0)


def train(run: Run, vigil: Vigil, trackers: list[WandbTracker]) -> Assembly:
    """Build, train, evaluate, save; `trackers` gets the tracker so that the caller can close it after an error."""
    config, progress = from_file(run.config_path), vigil.progress
    vigil.limit(step_timeout_s=config.engine.step_timeout_s, phase_timeout_s=config.engine.phase_timeout_s)
    plan = Plan.load(run.plan_path)
    torch.set_num_threads(plan.threads)
    if plan.num_processes == 1:  # which saves and loads checkpoints alone on purpose
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
    if config.tracker.name == "wandb" and int(os.environ["RANK"]) == 0:
        trackers.append(WandbTracker(run, config.tracker, warn=lambda line: run.report("warning", message=line)))
    job = assemble(run, config, plan, vigil, trackers)
    for note in job.model.notes:
        job.report("warning", message=note)
    progress.phase = "loading"
    restore(job)
    job.report("phase", name="training", num_steps=job.num_steps, pid=os.getpid())
    progress.phase = "training"
    with signals.noted(config.engine.grace_s):
        run_steps(job)
    job.profiler.close()
    progress.phase = "finishing"
    summary = finish(job)
    job.report("phase", name="saving the model")
    save_model(job)
    if job.accelerator.is_main_process:
        summary["sample"] = write_sample(job)
        for tracker in trackers:
            tracker.summarize({**summary, **summary["metrics"]})
        write_json(run.summary_path, summary)
    if job.checkpointer is not None:
        job.checkpointer.finish()
    signals.shield()
    job.accelerator.wait_for_everyone()
    job.accelerator.end_training()
    return job


def leave(trackers: list[WandbTracker], code: int) -> NoReturn:
    """Close the tracker with the exit code and end at once; a broken process group must not be waited for."""
    for tracker in trackers:
        tracker.exit_code = code
        tracker.finish()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def record_failure(run: Run, error: BaseException, progress: Progress, *, attempt: int, rank: int) -> None:
    """Write what this rank knows of its end: the error, where it stood, and the traceback's last frames."""
    traceback.print_exc()
    frames = traceback.TracebackException.from_exception(error, limit=-TRACEBACK_FRAMES)
    record = {
        "rank": rank,
        "attempt": attempt,
        "time": time.time(),
        "type": type(error).__name__,
        "bases": [base.__name__ for base in type(error).__mro__],
        "message": str(error),
        "expected": isinstance(error, WindlassError),
        "phase": progress.phase,
        "step": progress.step,
        "traceback": "".join(frames.format()),
    }
    with contextlib.suppress(OSError):  # a full disk must not hide the error, which stands in the log too
        write_json(run.rank_failure_path(attempt=attempt, rank=rank), record)
