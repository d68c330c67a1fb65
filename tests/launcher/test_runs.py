"""Run directories: made, found, judged, deleted; and files that readers never see half-written."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from launcher.errors import RequestError
from launcher.runs import (
    LOST_AFTER_S,
    Run,
    create_run,
    delete_run,
    find_run,
    list_runs,
    new_run_id,
    read_events,
    read_json,
    refuse_existing,
    runs_root,
    this_process,
    write_json,
)

MakeRun = Callable[..., Run]


def dead_process() -> dict[str, object]:
    """What `this_process` would have said in a process that has ended."""
    process = subprocess.Popen(["sleep", "0"])
    process.wait()
    return {**this_process(), "pid": process.pid}


def test_a_new_run_has_its_directory_and_one_for_logs(runs_dir: Path) -> None:
    run = create_run("first")
    assert run.path == runs_dir / "first"
    assert run.logs_dir.is_dir()


def test_runs_lie_in_the_working_directory_where_no_other_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WINDLASS_RUNS_DIR")
    monkeypatch.chdir(tmp_path)
    assert runs_root() == tmp_path / "runs"


def test_a_relative_runs_directory_stays_where_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDLASS_RUNS_DIR", "mine")
    monkeypatch.chdir(tmp_path)
    run = create_run("first")
    assert run.path == tmp_path / "mine" / "first"


def test_ids_that_nobody_chose_differ() -> None:
    assert len({create_run(None).id for _ in range(5)}) == 5


def test_ids_that_nobody_chose_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = new_run_id()
    in_two_seconds = time.localtime(time.time() + 2)
    monkeypatch.setattr(time, "strftime", lambda form, _now=time.strftime: _now(form, in_two_seconds))
    assert earlier < new_run_id()


def test_an_id_that_exists_is_refused_with_what_to_type() -> None:
    create_run("taken")
    with pytest.raises(RequestError, match=r"run_id=taken exists already .* windlass runs delete taken"):
        create_run("taken")


def test_refusing_an_id_leaves_the_run_that_has_it_alone() -> None:
    write_json(create_run("taken").summary_path, {"steps": 3})
    with pytest.raises(RequestError):
        create_run("taken")
    assert Run(runs_root() / "taken").summary == {"steps": 3}


def test_no_id_at_all_is_never_refused() -> None:
    create_run("taken")
    refuse_existing(None)
    refuse_existing("free")


@pytest.mark.parametrize("place", ["file", "file/runs"])
def test_a_runs_directory_that_cannot_be_made_is_refused_with_what_to_set(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("WINDLASS_RUNS_DIR", str(tmp_path / place))
    with pytest.raises(RequestError, match=r"can't be written to .*WINDLASS_RUNS_DIR"):
        create_run("first")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_runs_directory_is_refused_with_what_to_set(runs_dir: Path) -> None:
    runs_dir.mkdir()
    runs_dir.chmod(0o500)
    with pytest.raises(RequestError, match="WINDLASS_RUNS_DIR"):
        create_run("first")


def test_runs_are_listed_oldest_first_whatever_their_names(make_run: MakeRun) -> None:
    for run_id in ("b", "c", "a"):
        make_run(run_id)
    assert [run.id for run in list_runs()] == ["b", "c", "a"]


def test_a_directory_that_is_no_run_is_not_listed(make_run: MakeRun, runs_dir: Path) -> None:
    make_run("a")
    (runs_dir / "notes").mkdir()
    assert [run.id for run in list_runs()] == ["a"]


def test_there_are_no_runs_before_there_is_a_directory() -> None:
    assert list_runs() == []


def test_a_run_is_found_by_the_unique_beginning_of_its_id(make_run: MakeRun) -> None:
    make_run("20260101-a")
    make_run("20260202-b")
    assert find_run("202602").id == "20260202-b"


def test_a_whole_id_wins_over_a_longer_one_that_begins_with_it(make_run: MakeRun) -> None:
    make_run("base")
    make_run("base-2")
    assert find_run("base").id == "base"


def test_latest_is_the_run_that_was_created_last(make_run: MakeRun) -> None:
    make_run("z")
    make_run("a")
    assert find_run("latest").id == "a"


def test_an_ambiguous_beginning_is_refused_and_names_the_runs_that_match(make_run: MakeRun) -> None:
    for run_id in ("base-1", "base-2", "other"):
        make_run(run_id)
    with pytest.raises(RequestError, match=r"'base' is the beginning of 2 runs: base-1, base-2; type more"):
        find_run("base")


def test_an_unknown_name_is_refused_and_names_the_runs_there_are(make_run: MakeRun) -> None:
    make_run("mine")
    with pytest.raises(RequestError, match=r"no run is called 'yours'; the latest are mine"):
        find_run("yours")


def test_looking_for_a_run_where_there_is_none_says_where_was_looked(runs_dir: Path) -> None:
    with pytest.raises(RequestError, match="there are no runs in") as refusal:
        find_run("latest")
    assert str(runs_dir) in str(refusal.value)


def test_a_deleted_run_is_gone(make_run: MakeRun) -> None:
    run = make_run("old")
    delete_run(run)
    assert not run.path.exists()


def test_an_active_run_is_not_deleted_and_the_refusal_says_how_to_stop_it(make_run: MakeRun) -> None:
    run = make_run("busy", state="running")
    with pytest.raises(RequestError, match=r"run busy is running; stop it first: windlass runs stop busy"):
        delete_run(run)
    assert run.path.exists()


def test_a_lost_run_can_be_deleted(make_run: MakeRun) -> None:
    run = make_run("lost", state="running", **dead_process())
    delete_run(run)
    assert not run.path.exists()


def test_a_run_whose_process_is_alive_is_what_it_says_it_is(make_run: MakeRun) -> None:
    assert make_run("a", state="running").state == "running"


@pytest.mark.parametrize("state", ["starting", "running"])
def test_an_active_run_whose_process_is_gone_is_lost(make_run: MakeRun, state: str) -> None:
    assert make_run("a", state=state, **dead_process()).state == "lost"


def test_a_run_whose_pid_belongs_to_another_process_now_is_lost(make_run: MakeRun) -> None:
    process = this_process()
    run = make_run("a", state="running", pid=process["pid"], pid_created=process["pid_created"] - 60)
    assert run.state == "lost"


def test_a_run_whose_process_is_a_zombie_is_lost(make_run: MakeRun) -> None:
    process = subprocess.Popen(["sleep", "0.1"])
    created = psutil.Process(process.pid).create_time()
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:  # ended, and not reaped
        time.sleep(0.01)
    run = make_run("a", state="running", pid=process.pid, pid_created=created)
    try:
        assert run.state == "lost"
    finally:
        process.wait()


def test_a_run_that_ended_keeps_its_state_after_its_process(make_run: MakeRun) -> None:
    assert make_run("a", state="failed", **dead_process()).state == "failed"


def test_a_process_on_another_machine_is_not_judged_from_here(make_run: MakeRun) -> None:
    other = {**dead_process(), "host": f"not-{socket.gethostname()}"}
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


def test_history_holds_the_events_of_one_name_in_order() -> None:
    run = create_run("a")
    run.report("step", step=1, loss=3.0)
    run.report("evaluation", step=1)
    run.report("step", step=2, loss=2.0)
    assert [event["loss"] for event in run.history()] == [3.0, 2.0]


def test_a_reported_event_comes_back_as_it_was_written() -> None:
    run = create_run("a")
    assert [run.report("step", step=1)] == run.history()


def test_the_last_step_is_none_before_the_first() -> None:
    assert create_run("a").last_step() is None


def test_the_last_step_is_the_one_reported_last() -> None:
    run = create_run("a")
    for step in (1, 10):
        run.report("step", step=step)
    assert run.last_step() == 10


def test_a_line_still_being_written_is_no_event_yet() -> None:
    run = create_run("a")
    run.report("step", step=1)
    with run.events_path.open("a") as file:
        file.write('{"event": "step", "step": 2, "metrics": {"loss": 0.5}')
    assert [event["step"] for event in run.history()] == [1]


def test_reading_on_from_an_offset_gets_the_line_that_was_half_written() -> None:
    run = create_run("a")
    run.report("step", step=1)
    with run.events_path.open("a") as file:
        file.write('{"event": "step", "st')
    ((_, offset),) = read_events(run.events_path)
    with run.events_path.open("a") as file:
        file.write('ep": 2}\n')
    assert [event["step"] for event, _ in read_events(run.events_path, offset=offset)] == [2]


def test_text_beyond_ascii_does_not_shift_the_offset() -> None:
    run = create_run("a")
    run.report("warning", message="größer als 1 µs 你好")
    ((_, offset),) = read_events(run.events_path)
    assert offset == run.events_path.stat().st_size


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


def test_a_file_that_is_not_there_reads_as_an_empty_object(tmp_path: Path) -> None:
    assert read_json(tmp_path / "none.json") == {}


READER = """
import json, pathlib, sys
path, seen = pathlib.Path(sys.argv[1]), set()
print("ready", flush=True)
while True:
    value = json.loads(path.read_text())
    assert len(value["filling"]) == value["length"], value["length"]
    seen.add(value["length"])
    if value["done"]:
        sys.exit(0)
"""


def test_a_reader_in_another_process_never_sees_a_part_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    write_json(path, {"done": False, "length": 0, "filling": ""})
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "ready\n"
    for number in range(200):
        length = 20_000 * (number % 5)
        write_json(path, {"done": number == 199, "length": length, "filling": "x" * length})
    _, errors = reader.communicate()
    assert reader.returncode == 0, errors


def test_a_value_that_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    write_json(path, {"state": "running"})
    with pytest.raises(TypeError):
        write_json(path, {"state": object()})
    assert read_json(path) == {"state": "running"}
    assert list(tmp_path.iterdir()) == [path]
