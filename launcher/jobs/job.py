"""One run from a composed config to its end: preflight, workers, watching; a new one, or one that goes on."""

from __future__ import annotations

import contextlib
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from launcher.config.command import with_changes
from launcher.config.validate import from_composed
from launcher.data.manifest import Manifest
from launcher.engines import make_engine
from launcher.errors import RequestError
from launcher.jobs.attempts import Ended, make_attempts
from launcher.jobs.failure import Failure
from launcher.jobs.inputs import Inputs, make_inputs
from launcher.jobs.resume import check_changes, claimed, earlier_run, with_overrides
from launcher.runs import Run, create_run, runs_root, this_process, unwritable

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from launcher.config.schema import Config
    from launcher.engines.engine import Engine
    from launcher.jobs.view import View
    from launcher.parallel.plan import Plan

MIN_FREE_BYTES = 64 * 2**20
"""Logs, metrics and a small model need about this much; a large model's needs are checked where it is known."""


def run_job(composed: DictConfig, view: View, *, command: Sequence[str] | None = None) -> Run:
    """Train what a config describes and return the ended run, finished or failed; a run of its id goes on.

    A signal that ends the caller (Ctrl-C, SIGTERM, SIGHUP, SIGUSR1) first stops the run in order, then takes its
    course. `command` starts such a run again, and is kept with it.

    Raises:
        RequestError: the request was wrong; nothing was started and no run directory is left.
    """
    config = from_composed(composed)
    engine = make_engine(config.engine)
    try:
        run, ended = carry_out(composed, config, engine, view, command=command)
    finally:
        engine.close()
    if ended.stopped_by is not None:
        # The workers are gone; now the signal does to the caller what it would have done without us.
        signal.raise_signal(ended.stopped_by)
    return run


def carry_out(
    composed: DictConfig,
    config: Config,
    engine: Engine,
    view: View,
    *,
    command: Sequence[str] | None = None,
    inputs: Inputs | None = None,
    signals: Sequence[int] | None = None,
) -> tuple[Run, Ended]:
    """`run_job` through an engine that stays open: the run, and how it ended; `signals` grows by those to pass on.

    A new run can be given `inputs` that were made before.

    Raises:
        RequestError: as `run_job`.
    """
    earlier = earlier_run(config.run_id)
    try:
        engine.prepare()
        if inputs is None or earlier is not None:
            inputs = make_inputs(composed, config, engine.devices(config.engine.device), view, earlier=earlier)
        check_disk()
        with _new(config, inputs) if earlier is None else _again(earlier, inputs, view) as run:
            attempt = max(run.attempts(), default=-1) + 1
            describe(run, config, inputs.plan, attempt, command=command)
            inputs.plan.save(run.plan_path)
            view.plan(run, inputs.plan)
            ended = make_attempts(run, config, engine, view, attempt=attempt, signals=signals)
            _refuse(ended)
    finally:
        view.close()
    if run.state == "failed":
        view.failed(run, Failure(**run.failure))
    elif run.state == "finished":
        view.end(run)
    else:
        view.stopped(run)
    return run, ended


def resume_job(run: Run, overrides: list[str], view: View) -> Run:
    """Go on with a run that ended, with overrides that change where or how long it trains.

    Raises:
        RequestError: it runs, or is finished, or an override would change what it learns; it is left as it was.
    """
    known = run.job.get("command")
    command = None if known is None else with_changes(known, overrides)
    return run_job(with_overrides(run, overrides), view, command=command)


@contextlib.contextmanager
def _new(config: Config, inputs: Inputs) -> Iterator[Run]:
    """A new run's directory with what workers read; on an error before they start nothing is left of it."""
    run = create_run(config.run_id)
    try:
        with claimed(run):
            inputs.write(run)
            yield run
    except BaseException as error:
        has_begun = bool(run.attempts())
        if not has_begun:  # nothing but inputs lies there
            shutil.rmtree(run.path, ignore_errors=True)
        if isinstance(error, OSError) and not has_begun:
            raise unwritable(error) from error
        raise


@contextlib.contextmanager
def _again(run: Run, inputs: Inputs, view: View) -> Iterator[Run]:
    """An earlier run with what may have changed; if the request turns out to be wrong, it is as it was."""
    with claimed(run):
        changes = check_changes(run, inputs.resolved, inputs.prepared.manifest, Manifest.load(run.data_path))
        files = (run.config_path, run.plan_path, run.data_path, run.job_path, run.failure_path)
        before = {path: path.read_bytes() for path in files if path.exists()}
        was, attempts = run.state, run.attempts()
        try:
            inputs.write(run)
            run.failure_path.unlink(missing_ok=True)
            view.line(f"run {run.id} was {was} and goes on", "bold")
            for key, (old, new) in changes.items():
                view.line(f"note: {key}={new} (was {old})", "yellow")
            yield run
        except BaseException:
            if run.attempts() == attempts:  # no worker has seen any of it
                for path, content in before.items():
                    path.write_bytes(content)
            raise


def _refuse(ended: Ended) -> None:
    if ended.refused is not None:
        raise RequestError(ended.refused)


def check_disk() -> None:
    """Refuse to start where the runs' disk is all but full.

    Raises:
        RequestError: less than `MIN_FREE_BYTES` are free.
    """
    root = runs_root()
    place = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(place).free
    if free < MIN_FREE_BYTES:
        raise RequestError(
            f"{root} is on a disk with {free // 2**20} MiB free, and a run needs at least "
            f"{MIN_FREE_BYTES // 2**20} MiB; delete runs (windlass runs delete ID) or set WINDLASS_RUNS_DIR"
        )


def describe(run: Run, config: Config, plan: Plan, attempt: int, *, command: Sequence[str] | None = None) -> None:
    """Write `job.json` as an attempt begins."""
    now = time.time()
    run.update_job(
        state="starting",
        engine=config.engine.name,
        attempt=attempt,
        num_processes=plan.num_processes,
        device=plan.device,
        model=config.model["_target_"].rpartition(".")[2],
        dataset=config.dataset.source.get("name") or config.dataset.source["_target_"].rpartition(".")[2],
        created=run.job.get("created", now),
        command=run.job.get("command") if command is None else list(command),
        ended=None,
        exit_code=None,
        heartbeat=now,
        **this_process(),
    )
