from __future__ import annotations

import time
from pathlib import Path

import pytest

from launcher.dashboard.index.discover import discover
from launcher.dashboard.index.watch import Watched
from launcher.runs import Run
from tests.launcher.dashboard.made import make_run, write_wandb


def watch(root: Path, *, state: str = "finished") -> Watched:
    (place,) = discover([root]).places
    run = Watched(place=place, state=state)
    run.signature = run.look() or ""
    return run


@pytest.mark.parametrize("state", ["running", "finished"])
def test_a_run_directory_is_seen_to_change(tmp_path: Path, state: str) -> None:
    path = make_run(tmp_path, "one", state=state)
    run = watch(tmp_path, state=state)
    assert run.look() == run.signature
    Run(path).report("step", step=1)
    after_event = run.look()
    Run(path).update_job(state="stopped")
    assert len({run.signature, after_event, run.look()}) == 3


def test_a_wandb_file_is_seen_to_grow(tmp_path: Path) -> None:
    file = write_wandb(tmp_path)
    run = watch(tmp_path)
    with file.open("ab") as opened:
        opened.write(b"more")
    assert run.look() != run.signature


def test_a_run_that_was_deleted_has_no_signature(tmp_path: Path) -> None:
    path = make_run(tmp_path, "one")
    run = watch(tmp_path)
    (path / "job.json").unlink()
    assert run.look() is None


def test_a_run_without_events_has_a_signature(tmp_path: Path) -> None:
    (make_run(tmp_path, "one") / "events.jsonl").unlink()
    assert watch(tmp_path).signature.endswith("-")


def test_an_ended_run_wants_a_glance_only_when_it_changed(tmp_path: Path) -> None:
    make_run(tmp_path, "one")
    run = watch(tmp_path)
    assert not run.wants_glance(run.signature, time.monotonic())
    assert run.wants_glance("changed", time.monotonic())


def test_an_active_run_wants_a_glance_now_and_then_as_its_process_may_die(tmp_path: Path) -> None:
    make_run(tmp_path, "one", state="running")
    run = watch(tmp_path, state="running")
    run.glanced_at = 100.0
    assert not run.wants_glance(run.signature, 101.0)
    assert run.wants_glance(run.signature, 110.0)


def test_an_ended_run_wants_to_be_read_once(tmp_path: Path) -> None:
    make_run(tmp_path, "one")
    run = watch(tmp_path)
    assert run.wants_reading(100.0)
    run.read_signature, run.read_at = run.signature, 100.0
    assert not run.wants_reading(10_000.0)


def test_an_active_run_wants_to_be_read_again_the_later_the_longer_it_takes(tmp_path: Path) -> None:
    make_run(tmp_path, "one", state="running")
    run = watch(tmp_path, state="running")
    run.read_signature, run.read_at = "older", 100.0
    assert not run.wants_reading(130.0)
    assert run.wants_reading(161.0)
    run.read_took_s = 10.0
    assert not run.wants_reading(161.0)
