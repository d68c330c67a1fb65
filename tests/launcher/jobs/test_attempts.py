"""What follows the end of an attempt, with a real process in the workers' place."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable

import pytest
from rich.console import Console

from launcher.config.schema import Config
from launcher.jobs.attempts import Ended, make_attempts, requeued
from launcher.jobs.view import View
from launcher.parallel.devices import Devices
from launcher.parallel.plan import make_plan
from launcher.runs import Run
from tests.launcher.jobs.shell import WAIT_UNTIL_WATCHED, Shell, fail
from tests.launcher.parallel.configs import config

KILLED = "kill -9 $$"


@pytest.fixture
def run(make_run: Callable[..., Run]) -> Run:
    run = make_run(state="starting")
    make_plan(restarting(), Devices(cpu_cores=1)).save(run.plan_path)
    return run


def restarting(max_restarts: int = 3, **values: object) -> Config:
    return config(engine__max_restarts=max_restarts, engine__device="cpu", **values)


class Attempted:
    """Attempts whose workers are scripts, made to the end."""

    def __init__(self, run: Run, *scripts: str, first: int = 0, max_restarts: int = 3) -> None:
        self.engine, shown = Shell(*scripts), io.StringIO()
        self.ended: Ended = make_attempts(
            run, restarting(max_restarts), self.engine, View(Console(file=shown, width=200)), attempt=first
        )
        self.shown = shown.getvalue()


def test_workers_that_end_well_leave_a_finished_run(run: Run) -> None:
    Attempted(run, "exit 0", first=2)
    assert (run.state, run.job["exit_code"], run.job["attempt"]) == ("finished", 0, 2)
    assert run.job["ended"] > run.job["created"]


def test_a_failure_is_followed_by_another_attempt_and_is_kept(run: Run) -> None:
    attempted = Attempted(run, fail("bad luck"), "exit 0")
    assert attempted.engine.attempts == [0, 1]
    assert (run.state, run.job["attempt"]) == ("finished", 1)
    assert [failure["message"] for failure in run.job["failures"]] == ["ValueError: bad luck"]
    [restart] = run.history("restart")
    assert (restart["attempt"], restart["cause"], restart["num_processes"]) == (1, "user code", 1)


def test_the_same_error_at_the_same_step_twice_is_a_bug_and_ends_the_run(run: Run) -> None:
    attempted = Attempted(run, fail("at <X object at 0x1f>"), fail("at <X object at 0x2f>", attempt=1))
    assert attempted.engine.attempts == [0, 1]
    assert (run.state, run.job["exit_code"], run.job["attempt"]) == ("failed", 1, 1)
    assert "a bug, not bad luck" in attempted.shown


def test_the_same_error_at_another_step_is_tried_again(run: Run) -> None:
    attempted = Attempted(run, fail("a flaky disk", step=3), fail("a flaky disk", step=5, attempt=1), "exit 0")
    assert attempted.engine.attempts == [0, 1, 2]
    assert run.state == "finished"


def test_being_killed_twice_is_not_a_bug_of_the_run(run: Run) -> None:
    assert Attempted(run, KILLED, KILLED, "exit 0").engine.attempts == [0, 1, 2]


def test_after_max_restarts_no_further_attempt_is_made(run: Run) -> None:
    attempted = Attempted(run, KILLED, KILLED, max_restarts=1)
    assert attempted.engine.attempts == [0, 1]
    assert run.state == "failed"
    assert "engine.max_restarts=1" in attempted.shown
    assert [failure["attempt"] for failure in run.job["failures"]] == [0, 1]
    assert run.failure["attempt"] == 1


def test_without_restarts_a_failure_is_the_end_and_nothing_more_is_said(run: Run) -> None:
    attempted = Attempted(run, fail("boom"), max_restarts=0)
    assert (run.state, attempted.shown) == ("failed", "")


@pytest.mark.parametrize("kind", ["NonFiniteError", "DataError"])
def test_what_another_attempt_would_meet_again_is_not_tried_again(run: Run, kind: str) -> None:
    assert Attempted(run, fail("no", kind=kind)).engine.attempts == [0]
    assert run.state == "failed"


@pytest.mark.parametrize(
    ("signum", "state", "code"),
    [
        (signal.SIGINT, "stopped", 130),
        (signal.SIGHUP, "stopped", 129),
        (signal.SIGTERM, "preempted", 75),
        (signal.SIGUSR1, "preempted", 75),
    ],
)
def test_a_signal_ends_the_run_without_a_failure_and_without_another_attempt(
    run: Run, signum: signal.Signals, state: str, code: int
) -> None:
    attempted = Attempted(run, WAIT_UNTIL_WATCHED + f"kill -{signum.value} {os.getpid()}; exec sleep 60")
    assert (run.state, run.job["exit_code"], run.failure) == (state, code, {})
    assert attempted.ended.stopped_by == signum
    assert requeued(signum) == code


def test_workers_that_a_signal_reached_alone_preempt_the_run(run: Run) -> None:
    attempted = Attempted(run, "touch logs/attempt_0/left_0; exit 143")
    assert (run.state, run.job["exit_code"]) == ("preempted", 75)
    assert attempted.ended.stopped_by is None  # the caller goes on


def test_a_run_that_finished_although_a_signal_came_is_finished(run: Run) -> None:
    attempted = Attempted(run, f"trap '' TERM; {WAIT_UNTIL_WATCHED} kill -TERM {os.getpid()}; sleep 0.5; exit 0")
    assert run.state == "finished"
    assert attempted.ended.stopped_by is None
