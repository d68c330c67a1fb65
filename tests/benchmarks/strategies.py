"""The time of a step under each way to spread a model over two processes, against the same written by hand."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.pairs import MICRO_BATCH_SIZE, TRANSFORMER, Side, Size, measure_pair
from tests.benchmarks.report import Row, say
from tests.benchmarks.workspace import make_run

LIMIT = 1.03
FULL = Size(repeats=15, turns=8, steps=8, launches=6)
NUM_PROCESSES = 2
NUM_MICROS = 4
"""Micro batches that a pipeline of two stages cuts its batch into unless told otherwise."""

STRATEGIES = {
    "ddp": ("plain DistributedDataParallel", MICRO_BATCH_SIZE * NUM_PROCESSES),
    "fsdp": ("plain fully_shard", MICRO_BATCH_SIZE * NUM_PROCESSES),
    "tp": ("plain parallelize_module", MICRO_BATCH_SIZE * NUM_PROCESSES),
    "pp": ("plain Schedule1F1B", MICRO_BATCH_SIZE * NUM_MICROS),
}
"""What each is compared with, and its global batch size."""


def measure(space: Path, *, repeats: int | None, steps: int | None) -> list[Row]:
    """Every strategy in turn."""
    size = FULL._replace(repeats=repeats or FULL.repeats, steps=steps or FULL.steps)
    rows = []
    for name, (other, batch_size) in STRATEGIES.items():
        say(f"{name}: {size.repeats} pairs of {size.turns} x {size.steps} steps in {NUM_PROCESSES} processes")
        run = make_run(
            *TRANSFORMER,
            f"strategy={name}",
            f"engine.num_processes={NUM_PROCESSES}",
            f"trainer.global_batch_size={batch_size}",
            f"trainer.max_steps={size.steps}",
        )
        sides = (Side(source, str(run.path)) for source in ("loops.ours", f"spread_by_hand.{name}"))
        ours, theirs = measure_pair(*sides, size, num_processes=NUM_PROCESSES)
        title = f"step of a 1M transformer, {name}, {NUM_PROCESSES} processes"
        rows.append(Row(name=title, unit="ms", other=other, ours=ours, theirs=theirs, limit=LIMIT))
    return rows
