"""What every test shares: its own runs directory, one cache of prepared data, one thread."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import launcher
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


@pytest.fixture
def train() -> Callable[..., Run]:
    """Train for real, without W&B and further attempts unless asked, and expect it to finish."""

    def run_it(*overrides: str, state: str = "finished", config_dir: Path | None = None) -> Run:
        run = launcher.train(["tracker=none", "engine.max_restarts=0", *overrides], config_dir=config_dir, quiet=True)
        assert run.state == state, run.failure or run.job
        return run

    return run_it
