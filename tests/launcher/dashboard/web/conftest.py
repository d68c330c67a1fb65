"""Servers that end with their test."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.launcher.dashboard.made import make_run
from tests.launcher.dashboard.web.served import Served


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """A function that starts `windlass dashboard` with some arguments."""
    with contextlib.ExitStack() as started:
        yield lambda *arguments, **environment: started.enter_context(Served(*arguments, cwd=tmp_path, **environment))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with two runs, beside a file that is none of the dashboard's business."""
    directory = tmp_path_factory.mktemp("shown")
    (directory / "secret.txt").write_text("the secret")
    make_run(directory / "runs", "one", logs={(0, 0): "hello\n"})
    make_run(directory / "runs", "two")
    (directory / "runs" / "one" / "logs" / "attempt_0" / "rank_1.log").symlink_to(directory / "secret.txt")
    return directory / "runs"


@pytest.fixture(scope="module")
def served(shown: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server for all tests of a module; it only shows."""
    cache = str(tmp_path_factory.mktemp("cache"))
    with Served(shown, cwd=tmp_path_factory.mktemp("cwd"), WINDLASS_CACHE_DIR=cache) as server:
        yield server
