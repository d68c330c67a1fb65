"""A run as its directory tells it, also while the disk is full or the directory vanishes."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import pytest

from launcher.runs import (
    LOST_AFTER_S,
    Run,
    create_run,
    write_json,
)

MakeRun = Callable[..., Run]
FullDisk = Callable[[int], AbstractContextManager[None]]


@pytest.mark.parametrize("heartbeat", ["soon", None, [1], 10**400])
def test_a_heartbeat_that_is_no_number_is_none(make_run: Callable[..., Run], heartbeat: object) -> None:
    run = make_run(state="running", host="elsewhere", heartbeat=heartbeat)
    assert run.state == "lost"
    assert run.last_sign == 0.0


def test_a_run_that_ended_keeps_its_state_after_its_process(make_run: MakeRun, dead_process: dict[str, Any]) -> None:
    assert make_run("a", state="failed", **dead_process).state == "failed"


def test_a_process_on_another_machine_is_not_judged_from_here(make_run: MakeRun, dead_process: dict[str, Any]) -> None:
    other = {**dead_process, "host": f"not-{socket.gethostname()}"}
    assert make_run("a", state="running", **other).state == "running"


def test_a_run_on_another_machine_without_a_heartbeat_for_long_is_lost(make_run: MakeRun) -> None:
    other = {"host": f"not-{socket.gethostname()}", "heartbeat": time.time() - 2 * LOST_AFTER_S}
    assert make_run("a", state="running", **other).state == "lost"


def test_a_directory_without_a_job_is_lost() -> None:
    assert create_run("a").state == "lost"


def test_updating_a_job_keeps_what_it_said_before(make_run: MakeRun) -> None:
    run = make_run("a", model="MLP")
    run.update_job(state="failed")
    assert (run.job["model"], run.job["state"]) == ("MLP", "failed")


def test_a_reported_event_comes_back_as_it_was_written() -> None:
    run = create_run("a")
    assert [run.report("step", step=1)] == run.history()


def test_a_run_in_one_object_can_be_written_as_json(make_run: MakeRun) -> None:
    run = make_run("a", model="MLP", dataset="Digits")
    run.report("step", step=7, loss=0.5)
    write_json(run.summary_path, {"metrics": {"test/accuracy": 1.0}})
    described = json.loads(json.dumps(run.describe()))
    expected = {"id": "a", "state": "finished", "model": "MLP", "step": 7, "loss": 0.5}
    assert expected.items() <= described.items()
    assert described["metrics"] == {"test/accuracy": 1.0}


def test_a_run_before_its_first_step_is_described_without_one(make_run: MakeRun) -> None:
    described = make_run("a").describe()
    assert (described["step"], described["loss"], described["metrics"]) == (None, None, {})


def test_attempts_are_in_the_order_of_their_numbers() -> None:
    run = create_run("a")
    for attempt in (10, 2, 0):
        run.log_path(attempt=attempt, rank=0).parent.mkdir()
    assert run.attempts() == [0, 2, 10]


def test_a_heartbeat_from_the_future_is_not_taken_for_a_sign_of_life_for_ever(make_run: MakeRun) -> None:
    other = {"host": f"not-{socket.gethostname()}", "heartbeat": time.time() + 86400}
    run = make_run("a", state="running", **other)
    assert run.state == "running"
    long_ago = time.time() - 2 * LOST_AFTER_S
    os.utime(run.path / "job.json", (long_ago, long_ago))
    assert run.state == "lost"


def test_a_job_that_names_no_host_is_lost() -> None:
    run = create_run("a")
    run.update_job(state="running")
    assert run.state == "lost"


def test_what_is_reported_while_the_disk_is_full_is_written_later_in_its_order(full_disk: FullDisk) -> None:
    run = create_run("a")
    run.report("step", step=1)
    with full_disk(run.events_path.stat().st_size + 10):
        for step in (2, 3, 4):
            run.report("step", step=step)
    assert [event["step"] for event in run.history()] == [1]
    run.report("step", step=5)
    run.report("step", step=6)
    assert [event["step"] for event in run.history()] == [1, 2, 3, 4, 5, 6]
    (warning,) = run.history("warning")
    assert "took nothing for a while (File too large)" in warning["message"]


def test_no_event_is_written_twice_when_room_comes_back_bit_by_bit(full_disk: FullDisk) -> None:
    run = create_run("a")
    for step in range(1, 40):
        with full_disk(step * 50):
            run.report("step", step=step)
    run.report("step", step=40)
    assert [event["step"] for event in run.history()] == list(range(1, 41))


def test_a_job_that_the_disk_does_not_take_is_written_with_the_next_change(
    make_run: MakeRun, full_disk: FullDisk
) -> None:
    run = make_run("a", state="running")
    with full_disk(10):
        assert run.update_job(state="finished", exit_code=0) is False
    assert Run(run.path).state == "running"
    assert run.update_job(heartbeat=1.0) is True
    job = Run(run.path).job
    assert (job["state"], job["exit_code"], job["heartbeat"], job["model"]) == ("finished", 0, 1.0, "MLP")


def test_the_first_that_a_job_says_is_refused_by_a_full_disk(full_disk: FullDisk) -> None:
    run = create_run("a")
    with full_disk(10), pytest.raises(OSError, match="File too large"):
        run.update_job(state="starting")


def test_a_run_whose_directory_vanishes_goes_on_in_a_new_one(make_run: MakeRun) -> None:
    run = make_run("a", state="running", engine="local")
    run.report("step", step=1)
    shutil.rmtree(run.path)
    run.report("step", step=2)
    run.update_job(heartbeat=1.0)
    run.mark_left(attempt=0, rank=0)
    assert (Run(run.path).last_step(), Run(run.path).job["engine"]) == (2, "local")
    assert run.left_path(attempt=0, rank=0).exists()


def test_a_directory_that_cannot_be_made_anew_holds_nothing_up(make_run: MakeRun) -> None:
    run = make_run("a", state="running")
    shutil.rmtree(run.path)
    run.path.write_text("in the way")
    run.report("step", step=1)
    run.mark_left(attempt=0, rank=0)
    assert run.update_job(state="finished") is False


def test_events_of_several_threads_are_each_written_once() -> None:
    run = create_run("a")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: run.report("note", number=number), range(400)))
    assert sorted(event["number"] for event in run.history("note")) == list(range(400))


def test_files_of_an_attempt_lie_beside_its_logs() -> None:
    run = create_run("a")
    paths = (run.log_path, run.rank_failure_path, run.left_path)
    names = ["rank_3.log", "failure_3.json", "left_3"]
    assert [path(attempt=2, rank=3) for path in paths] == [run.logs_dir / "attempt_2" / name for name in names]
