"""A run that goes on elsewhere: with other processes, under another strategy; the result is the same to 1e-5."""

from __future__ import annotations

import pytest

from tests.launcher.faults.harness import Place, assert_same_result, samples

pytestmark = pytest.mark.slow

TOLERANCE = 1e-5
NO_DROPOUT = ("model.dropout=0.0", "checkpoint.async=false")


def test_a_run_goes_on_sharded_and_then_in_one_process(place: Place, plain_reference: Place) -> None:
    place.fault("step", step=52, what="kill parent")
    place.fault("step", step=103, rank=1, what="kill parent")
    place.train(*NO_DROPOUT).wait(-9)
    place.resume("strategy=fsdp").wait(-9)
    place.resume("strategy=ddp", "engine.num_processes=1").wait()
    assert place.resumed() == [50, 100]
    assert_same_result(place, plain_reference, tolerance=TOLERANCE)
    assert samples(place) == samples(plain_reference)


def test_workers_that_are_killed_twice_in_a_row_go_on_as_fewer(place: Place, plain_reference: Place) -> None:
    for step in (33, 34):
        place.fault("step", step=step, rank=1)
    place.train(*NO_DROPOUT, "engine.min_processes=1").wait()
    assert place.resumed() == [30, 30]
    assert [event["num_processes"] for event in place.run.history("restart")] == [2, 1]
    assert place.run.job["num_processes"] == 1
    assert_same_result(place, plain_reference, tolerance=TOLERANCE)
    assert samples(place) == samples(plain_reference)
