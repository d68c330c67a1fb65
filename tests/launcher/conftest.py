"""Run directories made by hand, as workers and the watching process leave them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest

from launcher.runs import Run, create_run, this_process


@pytest.fixture
def make_run() -> Callable[..., Run]:
    """Make a run directory with a job, each created a second after the one before; finished unless said otherwise."""
    created = itertools.count(1_700_000_000.0)

    def make(run_id: str = "the-run", **job: Any) -> Run:
        run = create_run(run_id)
        defaults = {"state": "finished", "model": "MLP", "dataset": "Digits", "created": next(created)}
        run.update_job(**{**defaults, "heartbeat": time.time(), **this_process(), **job})
        return run

    return make
