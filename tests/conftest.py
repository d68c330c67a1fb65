"""What every test shares: its own runs directory, one cache of prepared data, one thread."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

import launcher
from launcher.config.compose import compose
from launcher.config.validate import from_composed
from launcher.engines.local import Agents, LocalEngine
from launcher.jobs.job import carry_out
from launcher.jobs.view import View
from launcher.runs import Run

os.environ["OMP_NUM_THREADS"] = "1"  # before any test imports torch; workers inherit it


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared data, kept for the whole session."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def runs_dir(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runs directory of the test's own."""
    directory = tmp_path / "runs"
    monkeypatch.setenv("WINDLASS_RUNS_DIR", str(directory))
    monkeypatch.setenv("WINDLASS_CACHE_DIR", str(cache))
    return directory


@pytest.fixture(scope="session")
def agents() -> Iterator[Agents]:
    """The warm process from which all workers of the session are forked."""
    made = Agents(thorough=True)
    yield made
    made.close()


@pytest.fixture
def train(agents: Agents) -> Callable[..., Run]:
    """Train for real, without W&B and further attempts unless asked, and expect it to finish.

    A user's own files are found by a process of their own.
    """

    def run_it(*overrides: str, state: str = "finished", config_dir: Path | None = None) -> Run:
        asked = ["tracker=none", "engine.max_restarts=0", *overrides]
        if config_dir is None:
            composed = compose(asked)
            engine = LocalEngine(agents=agents)
            run, _ = carry_out(composed, from_composed(composed), engine, View(Console(quiet=True)))
        else:
            run = launcher.train(asked, config_dir=config_dir, quiet=True)
        assert run.state == state, run.failure or run.job
        return run

    return run_it


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as a terminal sends it: a shell lets what it starts in the background ignore that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
