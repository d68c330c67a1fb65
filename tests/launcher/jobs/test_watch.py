"""From started workers to an ended run, with a real process in the workers' place."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import threading
from collections.abc import Callable

import pytest
from rich.console import Console

from launcher.engines.engine import Outcome
from launcher.jobs.view import View
from launcher.jobs.watch import SIGNALS, watch
from launcher.runs import Run

WAIT_UNTIL_WATCHED = "until grep -q running job.json; do sleep 0.02; done; "


class Shell:
    """An engine whose only worker is a shell script in the run directory."""

    def __init__(self, run: Run, script: str) -> None:
        self._process = subprocess.Popen(["sh", "-c", script], cwd=run.path)

    def prepare(self) -> None:
        """Nothing takes time here."""

    def start(self, run: Run) -> None:
        """The script runs already."""

    def poll(self, timeout_s: float) -> Outcome | None:
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        return Outcome(exit_code=code, attempt=2, failed_rank=0 if code else None)

    def interrupt(self, signum: int) -> None:
        self._process.send_signal(signum)

    def close(self) -> None:
        """The script has ended."""


@pytest.fixture
def run(make_run: Callable[..., Run]) -> Run:
    return make_run(state="starting")


def watched(run: Run, script: str) -> str:
    """What the view showed while the script ran to its end."""
    shown = io.StringIO()
    watch(run, Shell(run, script), View(Console(file=shown, width=200)))
    return shown.getvalue()


def echo(event: str) -> str:
    return f"echo '{event}' >> events.jsonl; "


def test_workers_that_end_well_leave_a_finished_run(run: Run) -> None:
    watched(run, "exit 0")
    assert (run.state, run.job["exit_code"]) == ("finished", 0)


def test_a_run_that_ended_knows_when_and_at_which_attempt(run: Run) -> None:
    watched(run, "exit 0")
    assert run.job["ended"] > run.job["created"]
    assert run.job["attempt"] == 2


def test_a_worker_that_fails_leaves_a_failed_run_with_its_cause(run: Run) -> None:
    watched(run, "exit 9")
    assert (run.state, run.job["exit_code"]) == ("failed", 1)
    assert "exit code 9" in run.failure["message"]


def test_a_run_that_is_watched_is_running_and_its_heart_beats(run: Run) -> None:
    watched(run, WAIT_UNTIL_WATCHED + "grep -q heartbeat job.json")  # else the script fails, or never ends
    assert run.state == "finished"


def test_every_event_is_shown_once_and_in_order(run: Run) -> None:
    script = "".join(
        echo(f'{{"event": "warning", "message": "number {number}"}}') + "sleep 0.05; " for number in range(5)
    )
    shown = watched(run, script)
    assert [line for line in shown.splitlines() if "number" in line] == [f"warning: number {n}" for n in range(5)]


def test_what_is_reported_just_before_the_end_is_shown(run: Run) -> None:
    assert "last words" in watched(run, echo('{"event": "warning", "message": "last words"}') + "exit 0")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_passed_on_and_leaves_a_stopped_run(run: Run, signum: signal.Signals) -> None:
    send = f"kill -{signum.value} {os.getpid()}; "
    shown = watched(run, WAIT_UNTIL_WATCHED + send + "exec sleep 60")  # only the signal ends it
    assert (run.state, run.job["exit_code"]) == ("stopped", 128 + signum)
    assert signum.name in shown


def test_a_stopped_run_has_no_failure(run: Run) -> None:
    watched(run, WAIT_UNTIL_WATCHED + f"kill -TERM {os.getpid()}; exec sleep 60")
    assert run.failure == {}


def test_a_second_signal_is_not_passed_on(run: Run) -> None:
    kill = f"kill -TERM {os.getpid()}; "
    script = (
        f"trap 'echo . >> heard; {kill}' TERM; " + WAIT_UNTIL_WATCHED + kill + "for i in 1 2 3 4 5; do sleep 0.1; done"
    )
    watched(run, script)
    assert (run.path / "heard").read_text() == ".\n"


def test_signals_mean_after_watching_what_they_meant_before(run: Run) -> None:
    before = [signal.getsignal(signum) for signum in SIGNALS]
    watched(run, "exit 0")
    assert [signal.getsignal(signum) for signum in SIGNALS] == before


def test_a_run_is_watched_off_the_main_thread_too(run: Run) -> None:
    thread = threading.Thread(target=watched, args=(run, "exit 0"))
    thread.start()
    thread.join()
    assert run.state == "finished"
