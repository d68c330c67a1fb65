"""From started workers to the end of their attempt, with a real process in the workers' place."""

from __future__ import annotations

import io
import os
import signal
import threading
from collections.abc import Callable

import pytest
from rich.console import Console

from launcher.engines.engine import Outcome
from launcher.jobs.view import View
from launcher.jobs.watch import SIGNALS, Watch
from launcher.runs import Run
from tests.launcher.jobs.shell import WAIT_UNTIL_WATCHED, Shell, echo


@pytest.fixture
def run(make_run: Callable[..., Run]) -> Run:
    return make_run(state="starting")


class Scene:
    """A watch over attempts whose workers are scripts."""

    def __init__(self, run: Run, *scripts: str) -> None:
        self.shown = io.StringIO()
        self._run, self._engine = run, Shell(*scripts)
        self.watch = Watch(run, self._engine, View(Console(file=self.shown, width=200)))

    def attempt(self, number: int = 0) -> Outcome:
        self._engine.start(self._run, attempt=number)
        return self.watch.wait()

    @property
    def lines(self) -> list[str]:
        return self.shown.getvalue().splitlines()


def kill(signum: signal.Signals) -> str:
    """Send a signal to the process that watches."""
    return f"kill -{signum.value} {os.getpid()}; "


@pytest.mark.parametrize("code", [0, 9])
def test_the_outcome_is_how_the_workers_ended(run: Run, code: int) -> None:
    assert Scene(run, f"exit {code}").attempt().exit_code == code


def test_a_run_that_is_watched_is_running_and_its_heart_beats(run: Run) -> None:
    scene = Scene(run, WAIT_UNTIL_WATCHED + "grep -q heartbeat job.json")  # else the script fails, or never ends
    assert scene.attempt().exit_code == 0


def test_every_event_is_shown_once_and_in_order_over_all_attempts(run: Run) -> None:
    words = [echo(event="warning", message=f"number {number}") + "sleep 0.05; " for number in range(6)]
    scene = Scene(run, "".join(words[:3]), "".join(words[3:]))
    scene.attempt(0)
    scene.attempt(1)
    assert [line for line in scene.lines if "number" in line] == [f"warning: number {n}" for n in range(6)]


def test_what_was_reported_before_the_watch_began_is_not_shown_again(run: Run) -> None:
    run.report("warning", message="of an earlier command")
    scene = Scene(run, echo(event="warning", message="of this one"))
    scene.attempt()
    assert scene.lines == ["warning: of this one"]


def test_what_is_reported_just_before_the_end_is_shown(run: Run) -> None:
    scene = Scene(run, echo(event="warning", message="last words") + "exit 0")
    scene.attempt()
    assert "last words" in scene.shown.getvalue()


@pytest.mark.parametrize("signum", SIGNALS)
def test_a_signal_is_passed_on_and_remembered(run: Run, signum: signal.Signals) -> None:
    scene = Scene(run, WAIT_UNTIL_WATCHED + kill(signum) + "exec sleep 60")  # only the signal ends it
    with scene.watch.signals():
        assert scene.attempt().exit_code == -signum
        assert scene.watch.asked == signum
    assert scene.lines == [f"{signum.name}: ending the workers"]


def test_nothing_was_asked_where_no_signal_came(run: Run) -> None:
    scene = Scene(run, "exit 0")
    with scene.watch.signals():
        scene.attempt()
    assert scene.watch.asked is None


def test_a_second_signal_ends_workers_that_do_not_listen_at_once(run: Run) -> None:
    twice = f"trap 'echo . >> heard; {kill(signal.SIGTERM)}' TERM; " + WAIT_UNTIL_WATCHED + kill(signal.SIGTERM)
    scene = Scene(run, twice + "while true; do sleep 0.05; done")
    with scene.watch.signals():
        assert scene.attempt().exit_code == -signal.SIGKILL
    assert (run.path / "heard").read_text() == ".\n"
    assert scene.lines[-1] == "SIGTERM again: ending the workers at once"


def test_signals_mean_after_watching_what_they_meant_before(run: Run) -> None:
    before = [signal.getsignal(signum) for signum in SIGNALS]
    scene = Scene(run, "exit 0")
    with scene.watch.signals():
        scene.attempt()
    assert [signal.getsignal(signum) for signum in SIGNALS] == before


def test_a_run_is_watched_off_the_main_thread_too(run: Run) -> None:
    codes = []

    def watch() -> None:
        scene = Scene(run, "exit 3")
        with scene.watch.signals():
            codes.append(scene.attempt().exit_code)

    thread = threading.Thread(target=watch)
    thread.start()
    thread.join()
    assert codes == [3]
