"""What a terminal and a file show of a run."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from launcher.jobs.failure import Failure
from launcher.jobs.view import View
from launcher.parallel.axes import Axes
from launcher.parallel.plan import Plan
from launcher.runs import Run, write_json

STEP = {
    "event": "step",
    "step": 1,
    "num_steps": 9,
    "loss": 2.5,
    "learning_rate": 0.1,
    "samples_per_second": 10.0,
    "tokens_per_second": 1000.0,
}
SUMMARY = {
    "metrics": {"test/accuracy": 0.5},
    "num_parameters": 10,
    "steps": 9,
    "train_seconds": 1.0,
    "samples_per_second": 10.0,
    "peak_memory_bytes": 1024,
    "device_hours": 0.001,
}


class Screen:
    """A view on a console whose output can be read."""

    def __init__(self, *, terminal: bool = False, width: int = 80) -> None:
        self._file = io.StringIO()
        console = Console(
            file=self._file, width=width, force_terminal=terminal, color_system=None, legacy_windows=False
        )
        self.view = View(console)

    @property
    def text(self) -> str:
        return self._file.getvalue()

    @property
    def words(self) -> str:
        """The text without frames and line breaks."""
        return " ".join(self.text.replace("│", " ").split())


def failure(**values: Any) -> Failure:
    defaults = {
        "cause": "user code",
        "message": "ValueError: boom",
        "advice": "mend the line",
        "rank": 1,
        "attempt": 0,
        "phase": "training",
        "step": 7,
        "exit_code": 1,
        "traceback": "",
        "log_tail": [],
        "time": 0.0,
    }
    return Failure(**{**defaults, **values})


def test_in_a_file_each_step_is_a_plain_line() -> None:
    screen = Screen()
    screen.view.event(STEP)
    screen.view.event({**STEP, "step": 2})
    assert [line[:10].strip() for line in screen.text.splitlines()] == ["step 1/9", "step 2/9"]
    assert "\x1b" not in screen.text


def test_on_a_terminal_steps_share_one_live_line() -> None:
    screen = Screen(terminal=True)
    screen.view.event(STEP)
    screen.view.event({**STEP, "step": 2})
    assert "\n" not in screen.text
    assert "step 2/9" in screen.text


def test_a_live_line_never_wraps_on_a_narrow_terminal() -> None:
    screen = Screen(terminal=True, width=20)
    screen.view.event(STEP)
    assert "\n" not in screen.text


def test_a_closed_view_takes_its_live_line_away() -> None:
    screen = Screen(terminal=True)
    screen.view.event(STEP)
    screen.view.close()
    assert screen.text.endswith("\x1b[2K")  # the line is erased
    assert "\x1b[?25h" in screen.text  # the cursor is back


def test_a_stage_is_said_once_in_a_file_however_often_it_goes_on() -> None:
    screen = Screen()
    for fraction in (0.0, 0.5, 1.0):
        screen.view.stage("reading rows", fraction)
    screen.view.stage("training")
    assert screen.text == "reading rows\ntraining\n"


def test_on_a_terminal_a_bar_tells_how_much_of_a_stage_is_done() -> None:
    def bar(fraction: float) -> int:
        screen = Screen(terminal=True)
        screen.view.stage("reading rows", fraction)
        assert "reading rows" in screen.text
        return screen.text.count("━")

    assert 0 == bar(0.0) < bar(0.5) < bar(1.0)


def test_a_stage_of_unknown_length_has_no_bar() -> None:
    screen = Screen(terminal=True)
    screen.view.stage("training")
    assert "━" not in screen.text


def test_an_evaluation_names_split_step_and_metrics() -> None:
    screen = Screen()
    screen.view.event({"event": "evaluation", "split": "validation", "step": 5, "metrics": {"loss": 0.25}})
    assert screen.text == "validation at step 5: loss 0.25\n"


def test_a_warning_is_one_line_however_long_it_is() -> None:
    screen = Screen(width=20)
    screen.view.event({"event": "warning", "message": "word " * 30})
    assert len(screen.text.splitlines()) == 1


def test_brackets_in_a_message_are_shown_and_not_obeyed() -> None:
    screen = Screen()
    screen.view.event({"event": "warning", "message": "[bold]keep[/bold] [1, 2]"})
    assert screen.text == "warning: [bold]keep[/bold] [1, 2]\n"


def test_a_plan_is_shown_with_what_was_decided_for_the_user(make_run: Callable[..., Run]) -> None:
    screen = Screen()
    plan = Plan(
        device="cpu",
        num_processes=1,
        axes=Axes(),
        threads=2,
        global_batch_size=8,
        micro_batch_size=8,
        accumulation=1,
        notes=("1 of 2 cores starts a process",),
    )
    screen.view.plan(make_run(), plan)
    assert "run the-run: 1 process on cpu" in screen.text
    assert "note: 1 of 2 cores starts a process" in screen.text


def test_the_end_shows_metrics_sample_and_what_to_type_next(make_run: Callable[..., Run]) -> None:
    run, screen = make_run(), Screen(width=200)
    write_json(run.summary_path, {**SUMMARY, "sample": "def [red]main[/red]():"})
    screen.view.end(run)
    assert "run the-run: finished" in screen.text
    assert "test/accuracy │ 0.5" in screen.text
    assert "def [red]main[/red]():" in screen.text
    assert "next: windlass runs show the-run" in screen.text


def test_the_end_shows_the_whole_path_of_the_run_however_long(
    make_run: Callable[..., Run], runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINDLASS_RUNS_DIR", str(runs_dir / ("a" * 120)))
    run, screen = make_run(), Screen()
    write_json(run.summary_path, SUMMARY)
    screen.view.end(run)
    assert str(run.path) in screen.words.replace(" ", "")


def test_brackets_in_the_path_of_the_run_are_shown_and_not_obeyed(
    make_run: Callable[..., Run], runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINDLASS_RUNS_DIR", str(runs_dir / "[red]"))
    run, screen = make_run(), Screen(width=300)
    write_json(run.summary_path, SUMMARY)
    screen.view.end(run)
    assert str(run.path) in screen.text


def test_a_failure_shows_cause_place_message_and_what_to_type_next(make_run: Callable[..., Run]) -> None:
    screen = Screen()
    screen.view.failed(make_run(), failure())
    assert "user code (rank 1, step 7) ValueError: boom" in screen.words
    assert "next: mend the line" in screen.words
    assert "windlass runs logs the-run" in screen.words


def test_a_failure_before_the_first_step_names_the_phase(make_run: Callable[..., Run]) -> None:
    screen = Screen()
    screen.view.failed(make_run(), failure(step=None, phase="building the model"))
    assert "(rank 1, building the model)" in screen.words


def test_a_failure_before_any_worker_says_so(make_run: Callable[..., Run]) -> None:
    screen = Screen()
    screen.view.failed(make_run(), failure(rank=None, step=None, phase=None))
    assert "(before any rank)" in screen.words


def test_a_failure_shows_its_traceback_and_what_the_log_said_before(make_run: Callable[..., Run]) -> None:
    screen = Screen()
    screen.view.failed(make_run(), failure(traceback="File x.py, line [3]", log_tail=["step 7/9"]))
    assert "File x.py, line [3] its log before that: step 7/9" in screen.words


def test_a_failure_without_traceback_shows_the_end_of_the_log(make_run: Callable[..., Run]) -> None:
    screen = Screen()
    screen.view.failed(make_run(), failure(log_tail=["one", "two"]))
    assert "its log ends: one two" in screen.words
