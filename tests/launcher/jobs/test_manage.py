"""`windlass runs`, on run directories made by hand and processes that really run."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from launcher.errors import RequestError
from launcher.jobs.manage import manage
from launcher.runs import Run, find_run, write_json

# A command that holds a run: it says it is ready, and ends its run when it is told to.
HOLDER = """
import signal, sys, time
from pathlib import Path
from launcher.runs import Run, this_process

run = Run(Path(sys.argv[1]))
def end(signum, frame):
    run.update_job(state="stopped", exit_code=128 + signum)
    sys.exit(128 + signum)
signal.signal(signal.SIGINT, end)
run.update_job(state="running", **this_process())
print("ready", flush=True)
time.sleep(60)
"""

Make = Callable[..., Run]
Captured = pytest.CaptureFixture[str]


def write_log(run: Run, text: str, *, attempt: int = 0, rank: int = 0) -> Path:
    path = run.log_path(attempt=attempt, rank=rank)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_listing_is_what_no_verb_means(make_run: Make, capsys: Captured) -> None:
    make_run()
    assert manage([]) == 0
    assert "finished" in capsys.readouterr().out


def test_a_list_shows_each_run_with_state_model_data_step_and_loss(make_run: Make, capsys: Captured) -> None:
    make_run("first").report("step", step=30, loss=0.125)
    make_run("second", state="failed")
    manage(["list"])
    first, second = [line for line in capsys.readouterr().out.splitlines() if "MLP" in line]
    assert all(word in first for word in ("first", "finished", "MLP", "Digits", "30", "0.1250"))
    assert all(word in second for word in ("second", "failed"))


def test_a_list_shows_whole_ids_in_eighty_columns(
    make_run: Make, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    make_run("20261122-031501-9f3c", dataset="PythonStdlib").report("step", step=1000, loss=0.125)
    manage(["list"])
    assert "20261122-031501-9f3c" in capsys.readouterr().out


def test_a_list_for_scripts_is_one_array_oldest_first(make_run: Make, capsys: Captured) -> None:
    make_run("b")
    make_run("a")
    manage(["list", "--json"])
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == ["b", "a"]


def test_listing_for_scripts_needs_no_verb(make_run: Make, capsys: Captured) -> None:
    make_run()
    manage(["--json"])
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == ["the-run"]


def test_without_runs_the_list_is_empty(capsys: Captured) -> None:
    assert manage(["list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_showing_shows_the_latest_run_where_none_is_named(make_run: Make, capsys: Captured) -> None:
    make_run("old")
    make_run("new")
    manage(["show", "--json"])
    assert json.loads(capsys.readouterr().out)["id"] == "new"


def test_showing_for_scripts_holds_job_summary_and_failure(make_run: Make, capsys: Captured) -> None:
    run = make_run(exit_code=0)
    write_json(run.summary_path, {"metrics": {"test/accuracy": 0.5}})
    manage(["show", "the", "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert (shown["job"]["exit_code"], shown["summary"]["metrics"], shown["failure"]) == (
        0,
        {"test/accuracy": 0.5},
        None,
    )


def test_showing_a_run_that_goes_on_shows_its_last_step(make_run: Make, capsys: Captured) -> None:
    run = make_run(state="running")
    run.report("step", step=3, num_steps=9, loss=2.0, learning_rate=0.1, samples_per_second=1.0)
    manage(["show", "the-run"])
    out = capsys.readouterr().out
    assert "run the-run: running" in out
    assert "step 3/9" in out


def test_showing_a_failed_run_shows_its_cause(make_run: Make, capsys: Captured) -> None:
    run = make_run(state="failed")
    failure = {"cause": "user code", "message": "ValueError: boom", "advice": "mend it", "rank": 0, "attempt": 0}
    rest = {"phase": None, "step": 7, "exit_code": 1, "traceback": "", "log_tail": [], "time": 0.0}
    write_json(run.failure_path, failure | rest)
    manage(["show", "the-run"])
    assert "ValueError: boom" in capsys.readouterr().out


def test_logs_are_those_of_rank_zero_in_the_newest_attempt(make_run: Make, capsys: Captured) -> None:
    run = make_run()
    write_log(run, "old\n")
    write_log(run, "other\n", attempt=1, rank=1)
    write_log(run, "new\n", attempt=1)
    manage(["logs"])
    assert capsys.readouterr().out == "new\n"


def test_logs_of_another_rank_can_be_asked_for(make_run: Make, capsys: Captured) -> None:
    run = make_run()
    write_log(run, "zero\n")
    write_log(run, "one\n", rank=1)
    manage(["logs", "the-run", "--rank", "1"])
    assert capsys.readouterr().out == "one\n"


def test_before_any_worker_the_log_is_the_agent_s(make_run: Make, capsys: Captured) -> None:
    run = make_run()
    run.agent_log_path.write_text("starting\n")
    manage(["logs"])
    assert capsys.readouterr().out == "starting\n"


def test_a_rank_that_has_no_log_is_refused_with_those_that_have(make_run: Make) -> None:
    run = make_run()
    for rank in range(2):
        write_log(run, "", rank=rank)
    with pytest.raises(RequestError, match="no log of rank 5; use --rank 0 to 1"):
        manage(["logs", "the-run", "--rank", "5"])


def test_following_goes_on_until_the_run_ends_and_misses_nothing(make_run: Make, capsys: Captured) -> None:
    run = make_run(state="running")
    path = write_log(run, "first\n")

    def go_on() -> None:
        with path.open("a") as file:
            file.write("second\n")
            file.flush()
            file.write("last\n")
        run.update_job(state="finished")

    writer = threading.Timer(0.3, go_on)
    writer.start()
    manage(["logs", "-f"])
    writer.join()
    assert capsys.readouterr().out == "first\nsecond\nlast\n"


def test_following_waits_for_a_log_that_is_not_there_yet(make_run: Make, capsys: Captured) -> None:
    run = make_run(state="starting")

    def begin() -> None:
        write_log(run, "begun\n")
        run.update_job(state="finished")

    writer = threading.Timer(0.3, begin)
    writer.start()
    manage(["logs", "-f"])
    writer.join()
    assert capsys.readouterr().out == "begun\n"


def test_stopping_ends_the_process_that_holds_the_run(make_run: Make, capsys: Captured) -> None:
    run = make_run(state="starting")
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(run.path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "ready\n"
    assert manage(["stop", "the-run"]) == 0
    assert holder.wait() == 130
    assert capsys.readouterr().out == "the-run is stopped\n"
    holder.stdout.close()


def test_a_run_that_ended_cannot_be_stopped(make_run: Make) -> None:
    make_run()
    with pytest.raises(RequestError, match="run the-run is finished, not running"):
        manage(["stop", "the-run"])


def test_a_run_on_another_machine_is_to_be_stopped_there(make_run: Make) -> None:
    elsewhere = f"not-{socket.gethostname()}"
    make_run(state="running", host=elsewhere)
    with pytest.raises(RequestError, match=f"runs on {elsewhere}; type there: windlass runs stop the-run"):
        manage(["stop", "the-run"])


def test_deleting_removes_the_directory_and_says_so(make_run: Make, capsys: Captured) -> None:
    run = make_run()
    assert manage(["delete", "the-run"]) == 0
    assert not run.path.exists()
    assert capsys.readouterr().out == "deleted the-run\n"


@pytest.mark.parametrize("verb", ["stop", "delete"])
def test_what_cannot_be_undone_wants_a_run_to_be_named(verb: str, make_run: Make, capsys: Captured) -> None:
    make_run()
    with pytest.raises(SystemExit) as refusal:
        manage([verb])
    assert refusal.value.code == 2
    assert find_run("the-run").state == "finished"


def test_an_unknown_verb_is_refused_with_those_there_are(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as refusal:
        manage(["remove", "the-run"])
    assert refusal.value.code == 2
    assert "delete" in capsys.readouterr().err
