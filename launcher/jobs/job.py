"""One run from a composed config to its end: preflight, workers, watching."""

from __future__ import annotations

import shutil
import signal
import time
from typing import TYPE_CHECKING

from launcher.config.compose import to_yaml
from launcher.config.validate import from_composed, resolve
from launcher.data.cache import cache_dir
from launcher.data.prepare import prepare
from launcher.engines import make_engine
from launcher.errors import DataError, RequestError
from launcher.jobs.failure import Failure
from launcher.jobs.watch import watch
from launcher.parallel.devices import find_devices
from launcher.parallel.plan import make_plan
from launcher.runs import Run, create_run, refuse_existing, runs_root, this_process, unwritable

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
    """Train what a config describes and return the ended run, finished or failed.

    A signal that ends the caller (Ctrl-C, SIGTERM, SIGHUP) first stops the run in order, then takes its course.

    Raises:
        RequestError: the request was wrong; nothing was started and no run directory is left.
    """
    config = from_composed(composed)
    refuse_existing(config.run_id)
    engine = make_engine(config.engine)
    try:
        engine.prepare()
        plan = make_plan(config, find_devices(config.engine.device))
        prepared = prepare_data(config, view)
        check_disk()
        run = write_run(composed, config, plan, prepared, engine)
        view.plan(run, plan)
        stopped_by = watch(run, engine, view)
    finally:
        engine.close()
        view.close()
    if run.state == "failed":
        view.failed(run, Failure(**run.failure))
    elif run.state == "finished":
        view.end(run)
    elif run.state == "stopped":
        view.stopped(run)
    if stopped_by is not None:
        # The workers are gone; now the signal does to the caller what it would have done without us.
        signal.raise_signal(stopped_by)
    return run


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


def write_run(composed: DictConfig, config: Config, plan: Plan, prepared: Prepared, engine: Engine) -> Run:
    """Create the run directory, write all that workers read, and start them; on an error nothing is left."""
    run = create_run(config.run_id)
    try:
        write_inputs(run, composed, plan, prepared)
        run.update_job(
            state="starting",
            engine=config.engine.name,
            attempt=0,
            num_processes=plan.num_processes,
            device=plan.device,
            model=config.model["_target_"].rpartition(".")[2],
            dataset=config.dataset.source.get("name") or config.dataset.source["_target_"].rpartition(".")[2],
            created=time.time(),
            heartbeat=time.time(),
            **this_process(),
        )
        engine.start(run)
    except OSError as error:
        shutil.rmtree(run.path, ignore_errors=True)
        raise unwritable(error) from error
    except BaseException:
        shutil.rmtree(run.path, ignore_errors=True)
        raise
    return run


def write_inputs(run: Run, composed: DictConfig, plan: Plan, prepared: Prepared) -> None:
    """What workers read: the resolved config, the plan and where the data are."""
    run.config_path.write_text(to_yaml(resolve(composed, prepared.data)), encoding="utf-8")
    plan.save(run.plan_path)
    prepared.manifest.save(run.data_path)
