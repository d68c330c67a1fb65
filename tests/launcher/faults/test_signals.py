"""Signals that ask a run to stop: a checkpoint at that very step, and nothing is done again."""

from __future__ import annotations

import signal

import pytest

from tests.launcher.faults.harness import Place, assert_nothing_lost


@pytest.mark.parametrize(
    ("signum", "state", "code"),
    [
        pytest.param(signal.SIGTERM, "preempted", 75, marks=pytest.mark.slow),
        pytest.param(signal.SIGUSR1, "preempted", 75, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, "stopped", 130, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, "stopped", 129, marks=pytest.mark.slow),
    ],
)
def test_a_signal_takes_a_checkpoint_at_its_step_and_the_run_goes_on_there(
    place: Place, reference: Place, signum: int, state: str, code: int
) -> None:
    command = place.train("checkpoint.every_steps=1000", pace_s=0.02)
    command.wait_for_step(20)
    family = command.family()
    command.parent.send_signal(signum)
    command.wait(code)
    command.nothing_left(family)
    assert (place.run.state, place.run.job["exit_code"]) == (state, code)
    step = place.run.last_step()
    assert place.published() == [step]
    place.resume().wait()
    assert place.resumed() == [step]
    assert_nothing_lost(place, reference)


@pytest.mark.slow
def test_a_run_that_is_stopped_again_and_again_learns_the_same(place: Place, reference: Place) -> None:
    command = place.train(pace_s=0.02)
    stops = []
    for step, signum in ((15, signal.SIGINT), (40, signal.SIGUSR1), (70, signal.SIGTERM), (95, signal.SIGHUP)):
        command.wait_for_step(step)
        command.parent.send_signal(signum)
        command.wait(None)
        stops.append(place.run.last_step())
        command = place.resume(pace_s=0.02)
    command.wait()
    assert place.resumed() == stops
    assert_nothing_lost(place, reference)
