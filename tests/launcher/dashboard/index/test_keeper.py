from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from launcher.dashboard.index import keeper
from launcher.dashboard.index.store import Store, make_store
from tests.launcher.dashboard.index.harness import wait_until
from tests.launcher.dashboard.made import make_run

Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index.sqlite"


@pytest.fixture
def start(tmp_path: Path, path: Path) -> Iterator[Start]:
    """Starts keepers of the runs in `root`."""
    make_run(tmp_path / "root", "one", wandb=False)
    started = []

    def start() -> subprocess.Popen[bytes]:
        arguments = [sys.executable, "-m", keeper.__name__, str(path), str(tmp_path / "root")]
        process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        with process:  # closes its pipes
            pass


def has_searched(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        store = Store(path)
    except sqlite3.Error:  # it is not ready
        return False
    searches = store.facts().searches
    keys = store.keys()
    store.close()
    return searches > 0 and len(keys) == 1


def test_a_keeper_ends_when_its_parent_does(start: Start, path: Path) -> None:
    process = start()
    wait_until(lambda: has_searched(path))
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(30) == 0


def test_a_keeper_ends_when_its_index_is_deleted(start: Start, path: Path) -> None:
    process = start()
    wait_until(lambda: has_searched(path))
    path.unlink()
    assert process.wait(30) == 0


def test_of_two_keepers_one_works_and_the_other_follows_it(start: Start, path: Path) -> None:
    first = start()
    wait_until(lambda: has_searched(path))
    second = start()
    first.kill()
    first.wait()
    path.unlink()  # made anew by who works
    wait_until(lambda: has_searched(path))
    assert second.poll() is None


def test_a_damaged_index_is_made_anew(start: Start, path: Path) -> None:
    path.write_bytes(b"no database" * 1000)
    start()
    wait_until(lambda: has_searched(path))


def test_an_index_that_can_be_used_is_kept(start: Start, path: Path) -> None:
    make_store(path)
    inode = path.stat().st_ino
    start()
    wait_until(lambda: has_searched(path))
    assert path.stat().st_ino == inode


def test_a_place_that_can_not_be_written_is_told(start: Start, path: Path) -> None:
    path.mkdir()
    process = start()
    assert process.wait(30) == keeper.UNUSABLE
    assert process.stderr is not None
    assert f"no index can be kept at {path}" in process.stderr.read().decode()
