from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from launcher.dashboard.index import tend
from launcher.dashboard.index.pace import Pace
from launcher.dashboard.index.picture import Picture
from launcher.dashboard.index.store import Store, make_store
from launcher.dashboard.index.tend import Tender
from launcher.dashboard.places import Place
from launcher.dashboard.reading.glance import Glance
from launcher.runs import Run
from tests.launcher.dashboard.made import STARTED, make_run, write_wandb


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    path = tmp_path / "index.sqlite"
    make_store(path)
    store = Store(path)
    yield store
    store.close()


@pytest.fixture
def tender(store: Store, root: Path, monkeypatch: pytest.MonkeyPatch) -> Tender:
    """One that does everything in each step."""
    monkeypatch.setattr(Pace, "is_due", property(lambda pace: True))
    return Tender(store, [root])


def states(store: Store) -> dict[str, str]:
    picture = Picture()
    picture.take(store)
    return {row.id: row.glance.state for row in picture.rows}


def step_until(tender: Tender, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        tender.step()
        time.sleep(0.02)


def test_runs_are_in_the_index_after_one_step(tender: Tender, store: Store, root: Path) -> None:
    make_run(root, "ours", state="failed")
    write_wandb(root / "wandb", run_id="theirs")
    tender.step()
    assert states(store) == {"ours": "failed", "theirs": "finished"}


def test_a_run_that_changes_changes_in_the_index(tender: Tender, store: Store, root: Path) -> None:
    path = make_run(root, "one", state="running")
    tender.step()
    Run(path).update_job(state="stopped")
    tender.step()
    assert states(store) == {"one": "stopped"}


def test_a_run_whose_process_died_is_lost_though_no_file_changed(
    tender: Tender, store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    created = psutil.Process(process.pid).create_time()
    make_run(root, "one", state="running", job={"pid": process.pid, "pid_created": created, "pid_started": None})
    tender.step()
    before = states(store)
    process.communicate()
    monkeypatch.setattr("launcher.dashboard.index.watch.LIVENESS_S", 0.0)
    tender.step()
    assert (before, states(store)) == ({"one": "running"}, {"one": "lost"})


def test_a_run_that_was_deleted_leaves_the_index(tender: Tender, store: Store, root: Path) -> None:
    path = make_run(root, "one")
    make_run(root, "two")
    tender.step()
    shutil.rmtree(path)
    tender.step()
    assert states(store) == {"two": "finished"}


def test_runs_that_were_deleted_while_nobody_looked_leave_the_index(tender: Tender, store: Store, root: Path) -> None:
    path = make_run(root, "one")
    tender.step()
    shutil.rmtree(path)
    Tender(store, [root]).step()
    assert states(store) == {}


def test_nothing_leaves_the_index_while_the_file_system_does_not_answer(
    tender: Tender, store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(root, "one")
    tender.step()

    def stale(*_: Any, **__: Any) -> None:
        raise OSError("Stale file handle")

    monkeypatch.setattr("launcher.dashboard.index.listing.Listings.get", stale)
    monkeypatch.setattr("launcher.dashboard.index.watch._look", stale)
    tender.step()
    assert states(store) == {"one": "finished"}
    assert "can't be read" in store.facts().problems[0]


def test_a_new_attempt_belongs_to_its_run(tender: Tender, store: Store, root: Path) -> None:
    write_wandb(root, run_id="theirs", exit_code=1)
    tender.step()
    write_wandb(root, run_id="theirs", started=STARTED + 1000)
    tender.step()
    picture = Picture()
    picture.take(store)
    (row,) = picture.rows
    place = picture.place(row.key)
    assert place is not None
    assert (row.glance.state, len(place.files)) == ("finished", 2)


def test_a_second_start_glances_at_nothing_that_did_not_change(
    tender: Tender, store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(root, "one")
    path = make_run(root, "two")
    tender.step()
    seen = []

    def glance(place: Place) -> Glance:
        seen.append(place.id)
        return Glance(state="finished", name=place.id)

    monkeypatch.setattr(tend, "glance", glance)
    Run(path).report("step", step=50)
    Tender(store, [root]).step()
    assert seen == ["two"]


def test_one_run_that_no_glance_can_bear_hides_no_other(
    tender: Tender, store: Store, root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    make_run(root, "bad")
    make_run(root, "good")
    whole_glance = tend.glance

    def glance(place: Place) -> Glance:
        if place.id == "bad":
            raise RuntimeError("a bug")
        return whole_glance(place)

    monkeypatch.setattr(tend, "glance", glance)
    tender.step()
    assert states(store) == {"good": "finished"}
    assert store.facts().problems == (f"{root / 'bad'}: RuntimeError: a bug",)
    assert "Traceback" in capfd.readouterr().err


def test_nothing_is_written_about_runs_that_did_not_change(tender: Tender, store: Store, root: Path) -> None:
    make_run(root, "one", wandb=False)
    step_until(tender, lambda: all(read is not None for _, _, _, read in store.signatures()) and states(store) != {})
    version = store.facts().version
    tender.step()
    tender.step()
    assert store.facts().version == version


def test_whole_runs_are_read_for_their_extremes(tender: Tender, store: Store, root: Path) -> None:
    rows = [{"loss": value} for value in (3.0, 0.5, 2.0)]
    for number in range(3):
        write_wandb(root, run_id=f"run-{number}", rows=rows)
    picture = Picture()

    def all_read() -> bool:
        picture.take(store)
        return bool(picture.rows) and all(row.metrics["loss"]["min"] is not None for row in picture.rows)

    step_until(tender, all_read)
    assert [row.metrics["loss"] for row in picture.rows] == [{"last": 2.0, "min": 0.5, "max": 3.0}] * 3
