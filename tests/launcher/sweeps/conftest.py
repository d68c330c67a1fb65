"""Sweeps as they are asked for."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from launcher.config.multirun import Multirun
from launcher.config.sweep_app import read_multirun
from launcher.sweeps.ledger import FINISHED
from launcher.sweeps.record import Record, create_record
from tests.launcher.sweeps.harness import Place

SMALL = ("model=linear", "dataset=iris", "tracker=none", "trainer.max_epochs=null", "trainer.max_steps=4")


@pytest.fixture
def ask() -> Callable[..., Multirun]:
    """A sweep of a small model."""
    return _asked


@functools.cache
def _asked(*overrides: str) -> Multirun:
    found = read_multirun(["-m", *SMALL, *overrides])
    assert found is not None
    return found


@pytest.fixture
def make_sweep(ask: Callable[..., Multirun]) -> Callable[..., Record]:
    """The directory of a sweep without trials, made by hand; it has ended unless said otherwise."""

    def make(*overrides: str, run_id: str = "s", state: str = FINISHED) -> Record:
        asked = ask(f"run_id={run_id}", *overrides)
        record = create_record(asked)
        record.begin(asked)
        record.update(state=state)
        return record

    return make


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """What prepares trials that never start has ended with the test."""
    yield
    for thread in threading.enumerate():
        if thread.name == "inputs":
            thread.join()


@pytest.fixture
def place(tmp_path: Path, cache: Path) -> Iterator[Place]:
    """Where the sweeps of a test lie; what it leaves running ends with it."""
    made = Place(tmp_path, cache)
    yield made
    made.close()
