"""A directory of the benchmark's own: run directories as `windlass train` writes them, and prepared data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rich.console import Console

from launcher.config.compose import compose
from launcher.config.validate import from_composed
from launcher.jobs.inputs import make_inputs
from launcher.jobs.job import describe
from launcher.jobs.view import View
from launcher.parallel.devices import find_devices
from launcher.runs import create_run

if TYPE_CHECKING:
    from launcher.runs import Run

ROOT = Path(__file__).parents[2]


@contextmanager
def workspace() -> Iterator[Path]:
    """A temporary directory that holds runs and prepared data; every process that is started inside inherits it."""
    before = dict(os.environ)
    with TemporaryDirectory(prefix="windlass-benchmark-", ignore_cleanup_errors=True) as path:
        paths = [str(ROOT), *filter(None, [before.get("PYTHONPATH")])]
        os.environ |= {"WINDLASS_RUNS_DIR": f"{path}/runs", "WINDLASS_CACHE_DIR": f"{path}/cache"}
        os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}
        # Python keeps the bytecode that it compiles unless somebody forbids it, and starts are timed here.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        try:
            yield Path(path)
        finally:
            os.environ.clear()
            os.environ |= before


def make_run(*overrides: str, device: str = "cpu") -> Run:
    """The directory of a run that is ready to start: config, plan and prepared data. It takes no checkpoints."""
    composed = compose(["tracker=none", "checkpoint=none", f"engine.device={device}", *overrides])
    config = from_composed(composed)
    inputs = make_inputs(composed, config, find_devices(device), View(Console(file=StringIO())))
    run = create_run(config.run_id)
    inputs.write(run)
    describe(run, config, inputs.plan, 0)
    inputs.plan.save(run.plan_path)
    return run
