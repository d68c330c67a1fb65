"""The time of a step on a transformer of about a million parameters: our loop against one written by hand."""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path

import torch
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from launcher.runs import Run
from tests.benchmarks import loops
from tests.benchmarks.clock import measure_in_turns, record
from tests.benchmarks.report import Cost, Row, say, silence
from tests.benchmarks.workspace import make_run

LIMIT = 1.03
REPEATS, TURNS, STEPS = 15, 8, 8
LAUNCHES = 6
"""Where a model comes to lie in memory moves its time by some percent; fresh processes draw anew, in either order."""
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
    say(f"step time: {repeats} pairs of {TURNS} x {steps} steps in 1 process")
    alone = _in_processes(1, repeats, steps)
    say(f"step time: {repeats} pairs of {TURNS} x {steps} steps in 2 processes")
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
        measured = elastic_launch(config, worker)(str(run.path), rival, share, steps, launch % 2 == 1)[0]
        for side, values in zip(costs, measured, strict=True):
            side.extend(values)
    return costs


def worker(run_path: str, rival: str, repeats: int, steps: int, theirs_first: bool) -> Pairs:
    """Runs both loops in this process, in turns; which is built first decides where its model comes to lie."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    run = Run(Path(run_path))
    with silence():
        makers = {"ours": loops.ours, "theirs": getattr(loops, rival)}
        # With several processes ours comes first: it joins the process group.
        order = ["theirs", "ours"] if theirs_first and rival == "plain" else ["ours", "theirs"]
        blocks = {name: partial(record, makers[name](run), steps) for name in order}
        measure_in_turns(blocks, turns=1)
        costs = [measure_in_turns(blocks, turns=TURNS) for _ in range(repeats)]
    loops.leave_group()
    return [pair["ours"] for pair in costs], [pair["theirs"] for pair in costs]
