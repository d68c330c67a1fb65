"""One run from a composed config to its end: preflight, workers, watching; a new one, or one that goes on."""

from __future__ import annotations

import contextlib
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from launcher.config.compose import to_yaml
from launcher.config.validate import from_composed, resolve
from launcher.data.cache import cache_dir
from launcher.data.manifest import Manifest
from launcher.data.prepare import prepare
from launcher.engines import make_engine
from launcher.errors import DataError, RequestError
from launcher.jobs.attempts import Ended, make_attempts
from launcher.jobs.failure import Failure
from launcher.jobs.replan import plan_again
from launcher.jobs.resume import check_changes, claimed, earlier_run, with_overrides
from launcher.jobs.weights import with_weights
from launcher.parallel.plan import make_plan
from launcher.runs import Run, create_run, runs_root, this_process, unwritable

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from launcher.config.schema import Config
    from launcher.data.prepare import Prepared
    from launcher.engines.engine import Engine
    from launcher.jobs.view import View
    from launcher.parallel.plan import Plan

MIN_FREE_BYTES = 64 * 2**20
"""Logs, metrics and a small model need about this much; a large model's needs are checked where it is known."""


def run_job(composed: DictConfig, view: View) -> Run:
    """Train what a config describes and return the ended run, finished or failed; a run of its id goes on.

    A signal that ends the caller (Ctrl-C, SIGTERM, SIGHUP, SIGUSR1) first stops the run in order, then takes its
    course.

    Raises:
        RequestError: the request was wrong; nothing was started and no run directory is left.
    """
    config = from_composed(composed)
    engine = make_engine(config.engine)
    try:
        run, ended = carry_out(composed, config, engine, view)
    finally:
        engine.close()
    if ended.stopped_by is not None:
        # The workers are gone; now the signal does to the caller what it would have done without us.
        signal.raise_signal(ended.stopped_by)
    return run


def carry_out(
    composed: DictConfig, config: Config, engine: Engine, view: View, *, signals: Sequence[int] | None = None
) -> tuple[Run, Ended]:
    """`run_job` through an engine that stays open: the run, and how it ended; `signals` grows by those to pass on.

    Raises:
        RequestError: as `run_job`.
    """
    earlier = earlier_run(config.run_id)
    try:
        engine.prepare()
        devices = engine.devices(config.engine.device)
        plan = make_plan(config, devices) if earlier is None else plan_again(config, devices)
        prepared = prepare_data(config, view)
        check_disk()
        composed = with_weights(composed, earlier, view)
        with _new(composed, config, prepared) if earlier is None else _again(earlier, composed, prepared, view) as run:
            attempt = max(run.attempts(), default=-1) + 1
            describe(run, config, plan, attempt)
            plan.save(run.plan_path)
            view.plan(run, plan)
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
    return run_job(with_overrides(run, overrides), view)


@contextlib.contextmanager
def _new(composed: DictConfig, config: Config, prepared: Prepared) -> Iterator[Run]:
    """A new run's directory with what workers read; on an error before they start nothing is left of it."""
    run = create_run(config.run_id)
    try:
        with claimed(run):
            write_inputs(run, composed, prepared)
            yield run
    except BaseException as error:
        has_begun = bool(run.attempts())
        if not has_begun:  # nothing but inputs lies there
            shutil.rmtree(run.path, ignore_errors=True)
        if isinstance(error, OSError) and not has_begun:
            raise unwritable(error) from error
        raise


@contextlib.contextmanager
def _again(run: Run, composed: DictConfig, prepared: Prepared, view: View) -> Iterator[Run]:
    """An earlier run with what may have changed; if the request turns out to be wrong, it is as it was."""
    with claimed(run):
        changes = check_changes(run, resolve(composed, prepared.data), prepared.manifest, Manifest.load(run.data_path))
        files = (run.config_path, run.plan_path, run.data_path, run.job_path, run.failure_path)
        before = {path: path.read_bytes() for path in files if path.exists()}
        was, attempts = run.state, run.attempts()
        try:
            write_inputs(run, composed, prepared)
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


def prepare_data(config: Config, view: View) -> Prepared:
    """Prepare the data, or find them prepared.

    Raises:
        DataError: the data are wrong, or fewer than one global batch.
    """
    labels = config.task.get("_labels_", "values")
    prepared = prepare(config.dataset, labels=labels, cache_dir=cache_dir(), report=view.stage)
    rows, batch = prepared.manifest.data["num_rows"]["train"], config.trainer.global_batch_size
    if rows < batch:
        raise DataError(
            f"the training split has {rows} samples, fewer than one global batch of "
            f"trainer.global_batch_size={batch}; use trainer.global_batch_size={rows} or less"
        )
    best = config.checkpoint.keep_best
    if best and not prepared.manifest.data["num_rows"].get("validation"):
        raise DataError(
            f"checkpoint.keep_best={best} needs a validation split, and there is none; use "
            "dataset.split.validation=0.1 or checkpoint.keep_best=0"
        )
    for note in prepared.manifest.notes:
        view.line(f"data: {note}", "dim")
    return prepared


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


def describe(run: Run, config: Config, plan: Plan, attempt: int) -> None:
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
        ended=None,
        exit_code=None,
        heartbeat=now,
        **this_process(),
    )


def write_inputs(run: Run, composed: DictConfig, prepared: Prepared) -> None:
    """What workers read beside the plan: the resolved config, and where the data are."""
    run.config_path.write_text(to_yaml(resolve(composed, prepared.data)), encoding="utf-8")
    prepared.manifest.save(run.data_path)
