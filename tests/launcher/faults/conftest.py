"""A place for each test, and one run that meets no fault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.launcher.faults.harness import Place


@pytest.fixture
def place(tmp_path: Path, cache: Path) -> Iterator[Place]:
    """Where the run of a test lies; what it leaves running ends with it."""
    made = Place(tmp_path, cache)
    yield made
    made.close()


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Place]:
    """The run that was never killed."""
    yield from unbroken(tmp_path_factory.mktemp("reference"), cache)


@pytest.fixture(scope="session")
def plain_reference(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Place]:
    """The same without dropout, which the number of processes changes."""
    yield from unbroken(tmp_path_factory.mktemp("plain_reference"), cache, "model.dropout=0.0")


def unbroken(path: Path, cache: Path, *overrides: str) -> Iterator[Place]:
    """A run that meets nothing."""
    made = Place(path, cache)
    try:
        made.train(*overrides).wait()
        yield made
    finally:
        made.close()
