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
from launcher.jobs.job import prepare_data, write_run
from launcher.jobs.view import View
from launcher.parallel.devices import find_devices
from launcher.parallel.plan import make_plan

if TYPE_CHECKING:
    from launcher.runs import Run

ROOT = Path(__file__).parents[2]
SETTINGS = ("WINDLASS_RUNS_DIR", "WINDLASS_CACHE_DIR", "OMP_NUM_THREADS", "PYTHONPATH")


class NoEngine:
    """Stands where an engine would start the workers; the benchmark takes the steps itself."""

    def start(self, run: Run) -> None:
        """Start nothing."""


@contextmanager
def workspace() -> Iterator[Path]:
    """A temporary directory that holds runs and prepared data; every process that is started inside inherits it."""
    before = {name: os.environ.get(name) for name in SETTINGS}
    with TemporaryDirectory(prefix="windlass-benchmark-", ignore_cleanup_errors=True) as path:
        values = (f"{path}/runs", f"{path}/cache", "1", str(ROOT))
        os.environ.update(zip(SETTINGS, values, strict=True))
        try:
            yield Path(path)
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def make_run(*overrides: str) -> Run:
    """The directory of a run that is ready to start: config, plan and prepared data."""
    composed = compose(["tracker=none", "engine.device=cpu", *overrides])
    config = from_composed(composed)
    view = View(Console(file=StringIO()))
    prepared = prepare_data(config, view)
    return write_run(composed, config, make_plan(config, find_devices("cpu")), prepared, NoEngine())
