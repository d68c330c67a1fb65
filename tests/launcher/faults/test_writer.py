"""A writer that is killed at every phase of a checkpoint: what is published is whole, and nothing is lost."""

from __future__ import annotations

import pytest

from launcher.checkpoints.marker import published
from tests.launcher.faults.faulty import POINTS_OF_A_DELETION, POINTS_OF_A_WRITER
from tests.launcher.faults.harness import EVERY, Place, assert_nothing_lost, assert_resumed_at_the_newest

POINTS_OF_A_PEER = ("before the header", "in a tensor", "file written")
POINTS = [
    *((point, 0) for point in (*POINTS_OF_A_WRITER, *POINTS_OF_A_DELETION)),
    *((point, 1) for point in POINTS_OF_A_PEER),
]


def expected_resume(point: str, step: int) -> int:
    """With two checkpoints kept, the one that is deleted is two older than the one just published."""
    if point in POINTS_OF_A_DELETION:
        return step + 2 * EVERY
    return step if point in ("marker named", "published") else step - EVERY


@pytest.mark.slow
@pytest.mark.parametrize("writes", [pytest.param("true", id="async"), pytest.param("false", id="sync")])
def test_a_writer_killed_at_every_phase_one_after_the_other_loses_nothing(
    place: Place, reference: Place, writes: str
) -> None:
    steps = [10 + 2 * EVERY * number - (EVERY if number % 2 else 0) for number in range(len(POINTS))]
    for (point, rank), step in zip(POINTS, steps, strict=True):
        place.fault(point, step=step, rank=rank)
    place.train(f"checkpoint.async={writes}").wait()
    assert_resumed_at_the_newest(place, faults=len(POINTS))
    points = [(fault["point"], fault["step"]) for fault in place.met()]
    assert place.resumed() == [expected_resume(point, step) for point, step in points]
    assert_nothing_lost(place, reference)
    kept = published(place.run.checkpoints_dir)
    assert [checkpoint.step for checkpoint in kept] == [155, 160]
    assert all(checkpoint.flaw() is None for checkpoint in kept)
    assert sorted(path.name for path in place.run.checkpoints_dir.iterdir()) == [c.path.name for c in kept]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("point", "rank", "victim"),
    [(point, rank, "agent" if number % 2 else "parent") for number, (point, rank) in enumerate(POINTS)],
)
def test_all_processes_killed_in_a_phase_of_a_checkpoint_lose_nothing(
    place: Place, reference: Place, point: str, rank: int, victim: str
) -> None:
    place.fault(point, step=50, rank=rank, what=f"kill {victim}")
    place.train().wait(0 if victim == "agent" else -9)
    if victim == "parent":
        assert place.run.state == "lost"
        place.resume().wait()
    assert_resumed_at_the_newest(place, faults=1)
    assert place.resumed() == [expected_resume(point, 50)]
    assert_nothing_lost(place, reference)
