"""The reader is measured beside W&B's own; how long either takes is not looked at here."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.dashboard_reader import measure
from tests.benchmarks.workspace import workspace


def test_reading_is_measured_in_a_process_each() -> None:
    with workspace() as space:
        (row,) = measure(Path(space), repeats=1, steps=2000)
    assert (row.other, row.unit) == ("wandb-core leet inspect", "rows/s")
    assert row.ours[0].value > 0
    assert row.theirs[0].value > 0
    assert all(row.cells)
