"""Events read as one history."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from launcher.runs import (
    Run,
    create_run,
    history,
    read_events,
)

MakeRun = Callable[..., Run]


def test_history_holds_the_events_of_one_name_in_order() -> None:
    run = create_run("a")
    run.report("step", step=1, loss=3.0)
    run.report("evaluation", step=1)
    run.report("step", step=2, loss=2.0)
    assert [event["loss"] for event in run.history()] == [3.0, 2.0]


def test_the_last_step_is_none_before_the_first() -> None:
    assert create_run("a").last_step() is None


def test_the_last_step_is_the_one_reported_last() -> None:
    run = create_run("a")
    for step in (1, 10):
        run.report("step", step=step)
    assert run.last_step() == 10


def reported(*events: tuple[str, int]) -> Run:
    """A run in which these events happened at these steps."""
    run = create_run(None)
    for number, (name, step) in enumerate(events):
        run.report(name, step=step, number=number)
    return run


def steps_of(run: Run, name: str = "step") -> list[int]:
    return [event["step"] for event in run.history(name)]


def test_steps_after_the_checkpoint_that_a_run_resumed_from_are_there_once() -> None:
    run = reported(("step", 10), ("step", 20), ("step", 30), ("resumed", 20), ("step", 30), ("step", 40))
    assert [(event["step"], event["number"]) for event in run.history()] == [(10, 0), (20, 1), (30, 4), (40, 5)]


def test_evaluations_are_superseded_like_steps() -> None:
    run = reported(("evaluation", 20), ("evaluation", 40), ("resumed", 30), ("evaluation", 40))
    assert [event["number"] for event in run.history("evaluation")] == [0, 3]


def test_a_run_that_resumed_further_back_each_time_has_each_step_once() -> None:
    run = reported(
        ("step", 1), ("step", 2), ("step", 3), ("resumed", 2), ("step", 3), ("resumed", 1), ("step", 2), ("step", 3)
    )
    assert [(event["step"], event["number"]) for event in run.history()] == [(1, 0), (2, 6), (3, 7)]


def test_a_run_that_began_anew_has_no_step_of_before() -> None:
    run = reported(("step", 1), ("step", 2), ("resumed", 0))
    assert (steps_of(run), run.last_step()) == ([], None)


def test_events_of_other_names_are_never_superseded() -> None:
    run = reported(("checkpoint", 20), ("checkpoint", 40), ("resumed", 20), ("checkpoint", 40))
    assert steps_of(run, "checkpoint") == [20, 40, 40]


@pytest.mark.parametrize("resumed", [0, 15, 20, 25, 100])
def test_the_last_event_is_the_last_of_the_history(resumed: int) -> None:
    run = reported(("step", 10), ("evaluation", 15), ("step", 20), ("step", 30), ("resumed", resumed))
    for name in ("step", "evaluation", "resumed", "none"):
        assert run.last_event(name) == (run.history(name) or [None])[-1]
    run.report("step", step=resumed + 10)
    assert run.last_step() == resumed + 10


def test_the_last_step_is_found_wherever_it_stands_in_a_long_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "TAIL_BYTES", 300)
    run = reported(*[("step", step) for step in range(1, 200)], ("resumed", 7), *[("warning", 0)] * 300)
    assert run.last_step() == 7


def test_the_last_step_of_a_long_file_is_found_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    run = reported(*[("step", step) for step in range(1, 3000)])
    read: list[int] = []
    monkeypatch.setattr(
        history, "read_events", lambda path, *, offset=0: (read.append(offset), read_events(path, offset=offset))[1]
    )
    assert run.last_step() == 2999
    assert read == [run.events_path.stat().st_size - history.TAIL_BYTES]
