"""The time of a step on a transformer of about a million parameters: our loop against one written by hand."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.pairs import MICRO_BATCH_SIZE, TRANSFORMER, Side, Size, measure_pair
from tests.benchmarks.report import Row, say
from tests.benchmarks.workspace import make_run

LIMIT = 1.03
FULL = Size(repeats=15, turns=8, steps=8, launches=6)


def measure(space: Path, *, repeats: int | None, steps: int | None) -> list[Row]:
    """One process against a plain loop."""
    size = FULL._replace(repeats=repeats or FULL.repeats, steps=steps or FULL.steps)
    run = make_run(
        *TRANSFORMER,
        "engine.num_processes=1",
        f"trainer.global_batch_size={MICRO_BATCH_SIZE}",
        f"trainer.max_steps={size.steps}",
    )
    say(f"step time: {size.repeats} pairs of {size.turns} x {size.steps} steps in 1 process")
    path = str(run.path)
    ours, theirs = measure_pair(Side("loops.ours", path), Side("loops.plain", path), size, num_processes=1)
    return [
        Row(
            name="step of a 1M transformer, 1 process",
            unit="ms",
            other="plain loop",
            ours=ours,
            theirs=theirs,
            limit=LIMIT,
        )
    ]
