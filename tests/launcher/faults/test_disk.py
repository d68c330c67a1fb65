"""A disk that takes nothing for a while: the run trains on, and checkpoints follow once there is room."""

from __future__ import annotations

import pytest

from launcher.checkpoints.marker import published
from tests.launcher.faults.harness import EVERY, Place, assert_same_result


@pytest.mark.slow
def test_a_full_disk_keeps_the_run_training_and_later_checkpoints_succeed(place: Place, reference: Place) -> None:
    for rank in (0, 1):
        place.fault("step", step=31, rank=rank, what="full")
        place.fault("step", step=62, rank=rank, what="room")
    place.train("checkpoint.async=false").wait()
    taken = [event["step"] for event in place.run.history("checkpoint")]
    assert taken == [*range(EVERY, 31, EVERY), *range(65, 161, EVERY)]
    warnings = [event["message"] for event in place.run.history("warning")]
    assert any("the checkpoint at step 35 could not be written" in message for message in warnings), warnings
    assert place.run.attempts() == [0]
    assert all(checkpoint.flaw() is None for checkpoint in published(place.run.checkpoints_dir))
    assert_same_result(place, reference)


@pytest.mark.slow
def test_a_worker_killed_while_the_disk_is_full_goes_on_from_the_last_checkpoint_that_was_taken(
    place: Place, reference: Place
) -> None:
    for rank in (0, 1):
        place.fault("step", step=31, rank=rank, what="full")
    place.fault("step", step=48, rank=1)
    place.train("checkpoint.async=false").wait()
    assert place.resumed() == [30]
    assert_same_result(place, reference)
