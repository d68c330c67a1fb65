"""The time of a step on a transformer of about a million parameters: our loop against one written by hand."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from launcher.runs import Run
from tests.benchmarks import loops
from tests.benchmarks.clock import time_block
from tests.benchmarks.loops import TrainSteps
from tests.benchmarks.report import Cost, Row, say, silence
from tests.benchmarks.workspace import make_run

LIMIT = 1.03
REPEATS, STEPS = 15, 40
LAUNCHES = 3
"""Where a model comes to lie in memory moves its time by a percent or two; fresh processes draw anew."""
TRANSFORMER = (
    "model._target_=tests.benchmarks.clock.TimedGPT",
    "model.width=144",
    "model.num_layers=4",
    "model.num_heads=4",
    "model.num_kv_heads=4",
    "model.mlp_width=384",
    "model.ngram_orders=[]",
    "dataset.sequence_length=32",
    "dataset.max_rows=200",
    "trainer.eval_every_steps=null",
)
MICRO_BATCH_SIZE = 2
"""Small, so that a step takes little and what the loop adds to it shows."""

Pairs = tuple[list[Cost], list[Cost]]


def measure(space: Path, *, repeats: int | None, steps: int | None) -> list[Row]:
    """One process against a plain loop, and two against a DDP loop."""
    repeats, steps = repeats or REPEATS, steps or STEPS
    say(f"step time: {repeats} pairs of {steps} steps in 1 process")
    alone = _in_processes(1, repeats, steps)
    say(f"step time: {repeats} pairs of {steps} steps in 2 processes")
    together = _in_processes(2, repeats, steps)
    return [
        _row("step of a 1M transformer, 1 process", "plain loop", alone),
        _row("step of a 1M transformer, 2 processes", "plain DDP loop", together),
    ]


def _row(name: str, other: str, pairs: Pairs) -> Row:
    return Row(name=name, unit="ms", other=other, ours=pairs[0], theirs=pairs[1], limit=LIMIT)


def _in_processes(num_processes: int, repeats: int, steps: int) -> Pairs:
    """What rank 0 measured of both loops, side by side in so many processes."""
    run = make_run(
        *TRANSFORMER,
        f"engine.num_processes={num_processes}",
        f"trainer.global_batch_size={MICRO_BATCH_SIZE * num_processes}",
        f"trainer.max_steps={steps}",
    )
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=num_processes,
        run_id=run.id,
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        local_addr="127.0.0.1",
        monitor_interval=0.1,
        start_method="spawn",
    )
    rival = "plain" if num_processes == 1 else "plain_ddp"
    costs: Pairs = ([], [])
    for launch in range(min(LAUNCHES, repeats)):
        share = len(range(launch, repeats, LAUNCHES))
        measured = elastic_launch(config, worker)(str(run.path), rival, share, steps)[0]
        for side, values in zip(costs, measured, strict=True):
            side.extend(values)
    return costs


def worker(run_path: str, rival: str, repeats: int, steps: int) -> Pairs:
    """Runs both loops in this process, block by block in turns; the one that goes first changes with each pair."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    run = Run(Path(run_path))
    costs: Pairs = ([], [])
    with silence():
        # Ours first: it joins the process group.
        trains: tuple[TrainSteps, ...] = (loops.ours(run), getattr(loops, rival)(run))
        for train in trains:
            time_block(train, steps)
        for repeat in range(repeats):
            for side in (0, 1) if repeat % 2 == 0 else (1, 0):
                costs[side].append(time_block(trains[side], steps))
    loops.leave_group()
    return costs
