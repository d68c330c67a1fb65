"""Windlass from Python: the same run that the command starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from launcher.runs import Run


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

    from launcher.config.compose import compose
    from launcher.config.targets import add_working_directory
    from launcher.jobs.job import run_job
    from launcher.jobs.view import View

    add_working_directory()
    composed = compose(list(overrides), config_dir=None if config_dir is None else Path(config_dir))
    return run_job(composed, View(Console(quiet=quiet)))
