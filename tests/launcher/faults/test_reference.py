"""What the faults are measured against."""

from __future__ import annotations

import pytest

from launcher.checkpoints.marker import published
from tests.launcher.faults.harness import STEPS, Place, curve, samples


@pytest.mark.slow
def test_the_run_without_faults_sees_every_sample_once_an_epoch(reference: Place) -> None:
    assert [step for step, *_ in curve(reference.run)] == list(range(1, STEPS + 1))
    state = published(reference.run.checkpoints_dir)[-1].read()
    epochs: dict[int, list[str]] = {}
    for (step, rows), event in zip(samples(reference).items(), reference.run.history("step"), strict=True):
        assert step == event["step"]
        epochs.setdefault(event["epoch"], []).extend(rows)
    counts = [len(rows) for rows in epochs.values()]
    assert all(len(set(rows)) == len(rows) for rows in epochs.values())
    assert set(counts[:-1]) == {state["num_samples"]}
    assert sum(counts) == state["samples"]
