"""Every process of a run, killed: those below the parent are started again; a run whose parent died is resumed."""

from __future__ import annotations

import pytest

from tests.launcher.faults.harness import Place, assert_nothing_lost, assert_resumed_at_the_newest


@pytest.mark.slow
def test_a_run_outlives_the_death_of_each_rank_its_agent_and_its_parent(place: Place, reference: Place) -> None:
    place.fault("step", step=33, rank=0)
    place.fault("step", step=49, rank=1)
    place.fault("step", step=61, rank=1, what="kill agent")
    place.fault("step", step=67, rank=0, what="kill server")
    first = place.train("checkpoint.async=false", pace_s=0.02)
    first.wait_for_step(77)
    first.kill()
    assert place.run.state == "lost"
    assert_resumed_at_the_newest(place, faults=4)
    listed = place.start("runs", "list")
    listed.wait()
    assert "lost" in place.output()
    newest = place.published()[-1]
    place.resume().wait()
    assert place.resumed() == [30, 45, 60, 65, newest]
    assert place.run.attempts() == [0, 1, 2, 3, 4, 5]
    assert_nothing_lost(place, reference)


@pytest.mark.slow
def test_a_parent_that_dies_at_an_exact_step_leaves_nothing_running(place: Place, reference: Place) -> None:
    place.fault("step", step=37, what="kill parent")
    command = place.train("checkpoint.async=false", pace_s=0.02)
    command.wait_for_step(30)
    family = command.family()
    command.wait(-9)
    command.nothing_left(family)
    assert place.run.state == "lost"
    place.train("checkpoint.async=false").wait()  # the same command goes on by itself
    assert place.resumed() == [35]
    assert_nothing_lost(place, reference)
