"""When standing still is taken for a hang, without waiting for it."""

from __future__ import annotations

from collections.abc import Iterable

from launcher.training.patience import AUTO_AFTER_STEPS, AUTO_FACTOR, AUTO_LEAST_S, LOOK_S, Patience, State


def at(step: int | None, *, changes: int = 0, stepping: bool = True, phase: str = "training") -> State:
    return State(phase, step, changes, stepping)


def look(patience: Patience, seconds: Iterable[float], state: State) -> float:
    """The last of several looks at the same state."""
    return [patience.look(second, state) for second in seconds][-1]


def every_look(first: float, last: float) -> list[float]:
    return [first + LOOK_S * index for index in range(int((last - first) / LOOK_S) + 1)]


def walk(patience: Patience, *, steps: int, step_s: float) -> State:
    """Looks at so many steps of so many seconds."""
    for step in range(steps + 1):
        for second in every_look(step * step_s, (step + 1) * step_s - LOOK_S):
            patience.look(second, at(step))
    return at(steps)


def test_standing_still_is_counted_from_the_look_that_saw_it_first() -> None:
    assert look(Patience(), every_look(100, 107), at(3)) == 7


def test_a_step_starts_the_count_again() -> None:
    patience = Patience()
    look(patience, every_look(0, 7), at(3))
    assert patience.look(7.5, at(4)) == 0
    assert patience.look(8.0, at(4)) == 0.5


def test_a_new_phase_starts_the_count_again() -> None:
    patience = Patience()
    look(patience, every_look(0, 7), at(None, stepping=False, phase="opening the data"))
    assert patience.look(7.5, at(None, stepping=False, phase="building the model")) == 0


def test_the_same_phase_entered_again_starts_the_count_again() -> None:
    patience = Patience()
    look(patience, every_look(0, 7), at(3, changes=1, stepping=False, phase="evaluation"))
    assert patience.look(7.5, at(3, changes=3, stepping=False, phase="evaluation")) == 0


def test_time_in_which_the_process_did_not_run_does_not_count() -> None:
    patience = Patience()
    look(patience, every_look(0, 5), at(3))
    assert patience.look(5000, at(3)) == 5 + LOOK_S


def test_a_hang_with_pauses_is_still_a_hang() -> None:
    assert look(Patience(), range(0, 600, 3), at(3)) > 60


def test_a_clock_that_starts_anywhere_changes_nothing() -> None:
    assert look(Patience(), every_look(-1e6, -1e6 + 3), at(3)) == 3


def test_a_step_has_the_seconds_that_were_asked_for_and_a_phase_has_its_own() -> None:
    patience = Patience(step_timeout_s=30, phase_timeout_s=600)
    assert patience.limit(at(3)) == 30
    assert patience.limit(at(3, stepping=False, phase="evaluation")) == 600


def test_without_timeouts_there_is_no_limit() -> None:
    assert Patience().limit(at(3)) is None
    assert Patience().limit(at(None, stepping=False)) is None


def test_the_automatic_limit_begins_after_several_steps() -> None:
    patience = Patience(step_timeout_s="auto")
    assert patience.limit(walk(patience, steps=AUTO_AFTER_STEPS - 1, step_s=1)) is None
    assert patience.limit(walk(patience, steps=AUTO_AFTER_STEPS, step_s=1)) is not None


def test_the_automatic_limit_of_fast_steps_is_the_least() -> None:
    patience = Patience(step_timeout_s="auto")
    assert patience.limit(walk(patience, steps=20, step_s=LOOK_S)) == AUTO_LEAST_S


def test_the_automatic_limit_of_slow_steps_grows_with_the_slowest() -> None:
    patience = Patience(step_timeout_s="auto")
    assert patience.limit(walk(patience, steps=20, step_s=40)) == AUTO_FACTOR * 40


def test_a_slow_step_whose_native_code_kept_the_thread_from_looking_counts_as_slow() -> None:
    patience = Patience(step_timeout_s="auto")
    for step in range(AUTO_AFTER_STEPS + 1):
        patience.look(100 * step, at(step))
    assert patience.limit(at(AUTO_AFTER_STEPS)) == AUTO_FACTOR * 100


def test_a_long_evaluation_does_not_pass_for_a_slow_step() -> None:
    patience = Patience(step_timeout_s="auto")
    walk(patience, steps=AUTO_AFTER_STEPS, step_s=1)
    look(patience, every_look(10, 500), at(AUTO_AFTER_STEPS, changes=1, stepping=False, phase="evaluation"))
    patience.look(500.5, at(AUTO_AFTER_STEPS, changes=2))
    patience.look(501, at(AUTO_AFTER_STEPS + 1, changes=2))
    assert patience.limit(at(AUTO_AFTER_STEPS + 1, changes=2)) == AUTO_LEAST_S
