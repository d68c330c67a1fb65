"""Two loops side by side: both are built in the same processes, on one thread each, and train short blocks in turns."""

from __future__ import annotations

import importlib
import os
import warnings
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
import torch.distributed as dist
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from launcher.runs import Run
from tests.benchmarks.clock import measure_in_turns, record
from tests.benchmarks.loops import leave_group
from tests.benchmarks.report import Cost, silence

TRANSFORMER = (
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
"""About a million parameters."""
MICRO_BATCH_SIZE = 2
"""Small, so that a step takes little and what the loop adds to it shows."""

Pairs = tuple[list[Cost], list[Cost]]


class Side(NamedTuple):
    """A function of this folder (`module.name`) that builds a loop, and the run directory that it gets."""

    source: str
    run_path: str


class Size(NamedTuple):
    """How much is measured: pairs, each of `turns` blocks of `steps`, in so many launches of new processes.

    Where a model comes to lie in memory moves its time by some percent; new processes draw anew, in either order.
    """

    repeats: int
    turns: int
    steps: int
    launches: int


def measure_pair(ours: Side, theirs: Side, size: Size, *, num_processes: int) -> Pairs:
    """What rank 0 measured of both."""
    config = launch_config(Path(ours.run_path).name, num_processes)
    costs: Pairs = ([], [])
    for launch in range(min(size.launches, size.repeats)):
        share = len(range(launch, size.repeats, size.launches))
        arguments = ({"ours": ours, "theirs": theirs}, size._replace(repeats=share), launch % 2 == 1)
        for side, values in zip(costs, elastic_launch(config, worker)(*arguments)[0], strict=True):
            side.extend(values)
    return costs


def launch_config(run_id: str, num_processes: int) -> LaunchConfig:
    """New processes on this machine, with a process group to join."""
    return LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=num_processes,
        run_id=run_id,
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        local_addr="127.0.0.1",
        monitor_interval=0.1,
        start_method="spawn",
    )


def worker(sides: dict[str, Side], size: Size, theirs_first: bool) -> Pairs:
    """Runs both loops in this process; which is built first decides where its model comes to lie."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    if int(os.environ["WORLD_SIZE"]) > 1:
        dist.init_process_group("gloo")
    with silence():
        blocks = {}
        for name in sorted(sides, reverse=theirs_first):
            module, function = sides[name].source.split(".")
            build = getattr(importlib.import_module(f"tests.benchmarks.{module}"), function)
            blocks[name] = partial(record, build(Run(Path(sides[name].run_path))), size.steps)
        blocks = {name: blocks[name] for name in sides}
        measure_in_turns(blocks, turns=1)
        costs = [measure_in_turns(blocks, turns=size.turns) for _ in range(size.repeats)]
    leave_group()
    return [pair["ours"] for pair in costs], [pair["theirs"] for pair in costs]
