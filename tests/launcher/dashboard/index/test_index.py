from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from launcher.dashboard.index.index import Index
from launcher.dashboard.index.store import store_path
from launcher.runs import Run
from tests.launcher.dashboard.index.harness import wait_until
from tests.launcher.dashboard.made import make_run, make_sweep, write_wandb

Open = Callable[[], Index]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def open_index(tmp_path: Path, root: Path) -> Iterator[Open]:
    """Starts an index of `root`; all share a cache."""
    opened = []

    def open_index() -> Index:
        index = Index([root], cache=tmp_path / "cache")
        opened.append(index)
        index.start()
        return index

    yield open_index
    for index in opened:
        index.close()


def shows(index: Index, **states: str) -> bool:
    index.refresh()
    return {row.id: row.glance.state for row in index.rows()} == states


def test_runs_and_sweeps_are_shown(open_index: Open, root: Path) -> None:
    make_run(root, "ours")
    write_wandb(root / "wandb", run_id="theirs")
    make_sweep(root, "search", trials=1)
    index = open_index()
    wait_until(lambda: index.refresh() and index.searched_at is not None)
    rows = {row.id: row for row in index.rows()}
    assert sorted(rows) == ["ours", "search-000", "theirs"]
    assert index.row(rows["ours"].key) is rows["ours"]
    place = index.place(rows["theirs"].key)
    assert place is not None
    assert place.path == root / "wandb"
    (sweep,) = index.sweeps()
    assert index.sweep(sweep.key) == sweep
    assert (rows["search-000"].sweep_key, rows["ours"].sweep_key) == (sweep.key, None)
    assert index.problems == []


def test_a_second_start_shows_at_once_what_the_first_knew(open_index: Open, root: Path) -> None:
    make_run(root, "one")
    first = open_index()
    wait_until(lambda: shows(first, one="finished"))
    first.close()
    second = open_index()
    assert [row.id for row in second.rows()] == ["one"]
    assert second.searched_at is None
    wait_until(lambda: second.refresh() and second.searched_at is not None)


def test_what_happens_to_runs_is_shown(open_index: Open, root: Path) -> None:
    path = make_run(root, "live", state="running")
    index = open_index()
    wait_until(lambda: shows(index, live="running"))
    version = index.version
    make_run(root, "new")
    Run(path).report("step", step=41, num_steps=60)
    wait_until(lambda: shows(index, live="running", new="finished"))
    wait_until(lambda: index.refresh() or any(row.glance.step == 41 for row in index.rows()))
    shutil.rmtree(path)
    wait_until(lambda: shows(index, new="finished"))
    assert index.version > version


def test_nothing_changes_while_nothing_happens(open_index: Open, root: Path) -> None:
    make_run(root, "one", wandb=False)
    index = open_index()
    wait_until(lambda: index.refresh() and index.rows() and index.rows()[0].metrics["train/loss"]["min"] is not None)
    version = index.version
    searched_at = index.searched_at
    wait_until(lambda: not index.refresh() and index.searched_at != searched_at)
    assert index.version == version


def test_a_keeper_that_is_killed_is_started_again(open_index: Open, root: Path) -> None:
    make_run(root, "one")
    index = open_index()
    wait_until(lambda: shows(index, one="finished"))
    killed = index.keeper_pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    make_run(root, "two")
    wait_until(lambda: shows(index, one="finished", two="finished"))
    assert index.keeper_pid != killed
    assert "ended with exit code -9" in index.problems[0]


def test_an_index_that_is_damaged_while_it_is_shown_is_made_anew(open_index: Open, root: Path, tmp_path: Path) -> None:
    make_run(root, "one")
    index = open_index()
    wait_until(lambda: shows(index, one="finished"))
    index.close()
    path = store_path(tmp_path / "cache" / "dashboard", index.roots)
    path.write_bytes(b"no database" * 1000)
    again = open_index()
    wait_until(lambda: shows(again, one="finished"))


def test_an_index_that_is_deleted_while_it_is_shown_is_made_anew(open_index: Open, root: Path, tmp_path: Path) -> None:
    make_run(root, "one")
    index = open_index()
    wait_until(lambda: shows(index, one="finished"))
    for file in (tmp_path / "cache" / "dashboard").iterdir():
        file.unlink()
    make_run(root, "two")
    wait_until(lambda: shows(index, one="finished", two="finished"))


def test_two_dashboards_share_an_index(open_index: Open, root: Path) -> None:
    make_run(root, "one")
    first = open_index()
    wait_until(lambda: shows(first, one="finished"))
    second = open_index()
    wait_until(lambda: shows(second, one="finished") and second.searched_at is not None)
    first.close()
    make_run(root, "two")
    wait_until(lambda: shows(second, one="finished", two="finished"))
    assert second.problems == []


def test_a_cache_that_can_not_be_written_costs_only_the_memory(tmp_path: Path, root: Path) -> None:
    make_run(root, "one")
    (tmp_path / "file").touch()
    index = Index([root], cache=tmp_path / "file")
    index.start()
    wait_until(lambda: shows(index, one="finished"))
    assert f"the index can't be kept in {tmp_path / 'file'}" in index.problems[0]
    index.close()


def test_an_index_file_that_can_not_be_made_costs_only_the_memory(tmp_path: Path, root: Path) -> None:
    make_run(root, "one")
    index = Index([root], cache=tmp_path / "cache")
    store_path(tmp_path / "cache" / "dashboard", index.roots).mkdir(parents=True)
    index.start()
    wait_until(lambda: shows(index, one="finished"))
    assert "no index can be kept" in index.problems[0]
    index.close()


def test_a_directory_without_runs_is_searched_and_says_what_was_looked_for(open_index: Open, root: Path) -> None:
    root.mkdir()
    index = open_index()
    wait_until(lambda: index.refresh() and index.searched_at is not None)
    assert (index.rows(), index.problems) == ([], [])
    assert index.looked_for == f"run directories (job.json) and W&B runs (*.wandb) in {root}"


def test_an_index_imports_no_torch() -> None:
    program = (
        "import sys, launcher.dashboard.index.index, launcher.dashboard.views.table; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
