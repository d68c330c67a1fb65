"""Windlass from Python: the same run that the command starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.errors import RequestError
from launcher.runs import Run

if TYPE_CHECKING:
    from launcher.sweeps.record import Record


def train(overrides: Sequence[str] = (), *, config_dir: str | Path | None = None, quiet: bool = False) -> Run:
    """Train what the overrides describe, as `windlass train` does, and return the ended run.

    Works in a script, a test and a notebook. The run's `state` is `finished` or `failed`; its `metrics`, `failure`,
    `history()` and `path` say the rest. Ctrl-C stops the run in order and then raises KeyboardInterrupt.

    Raises:
        RequestError: the request was wrong; nothing was started.

    Example:
        >>> run = launcher.train(["model=mlp", "dataset=digits", "trainer.max_epochs=3"])
        >>> run.metrics["test/accuracy"]
    """
    from rich.console import Console

    from launcher.config.command import train_command
    from launcher.config.compose import compose
    from launcher.config.multirun import Place
    from launcher.config.targets import add_working_directory
    from launcher.jobs.job import run_job
    from launcher.jobs.view import View

    add_working_directory()
    composed = compose(list(overrides), config_dir=None if config_dir is None else Path(config_dir))
    command = train_command(Place(config_dir=None if config_dir is None else str(config_dir)), overrides)
    return run_job(composed, View(Console(quiet=quiet)), command=command)


def sweep(overrides: Sequence[str], *, config_dir: str | Path | None = None, quiet: bool = False) -> Record:
    """Run the trials that the overrides span, as `windlass train -m` does, and return the sweep's record.

    Its `trials()` say what became of each, `run(trial)` is a trial's run, and `state` is `finished` or `failed`.

    Raises:
        RequestError: the request was wrong.

    Example:
        >>> record = launcher.sweep(["model=mlp", "dataset=digits", "optimizer.lr=1e-3,3e-3", "run_id=rates"])
        >>> [trial.values["validation/loss"] for trial in record.trials()]
    """
    from rich.console import Console

    from launcher.config.sweep_app import read_multirun
    from launcher.config.targets import add_working_directory
    from launcher.sweeps.start import start_sweep
    from launcher.sweeps.table import Table

    add_working_directory()
    asked = read_multirun(
        ["-m", *overrides] if config_dir is None else ["-m", "--config-dir", str(config_dir), *overrides]
    )
    if asked is None:
        raise RequestError("hydra/sweeper and hydra/launcher are for the command: windlass train -m ...")
    return start_sweep(asked, Table(Console(quiet=quiet)))[0]
