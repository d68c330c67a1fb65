"""The fixed cost of a step: on a model so small that what a loop adds is most of it, beside five other loops.

Each loop has a process of its own, so that no library changes what another finds; blocks of steps are taken in turns.
"""

from __future__ import annotations

import importlib
import multiprocessing
import warnings
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import torch

from launcher.runs import Run
from tests.benchmarks.clock import Steps, measure_in_turns, record
from tests.benchmarks.loops import leave_group
from tests.benchmarks.report import Row, say, silence
from tests.benchmarks.workspace import make_run

PLAIN_LIMIT, OTHERS_LIMIT = 1.25, 1.0
REPEATS, TURNS, STEPS = 12, 6, 60
BATCH_SIZE = 16
TINY_MLP = (
    "model=mlp",
    "model.width=64",
    "model.depth=1",
    "model.activation=relu",
    "dataset=parquet",
    "dataset.target=label",
    "trainer.max_epochs=null",
    "engine.num_processes=1",
    f"trainer.global_batch_size={BATCH_SIZE}",
)
RIVALS = {
    "plain loop": "loops.plain",
    "Lightning Fabric": "rivals.fabric",
    "accelerate": "rivals.accelerate",
    "Lightning Trainer": "rivals.lightning",
    "transformers.Trainer": "rivals.transformers",
}

OPTIONAL = ("lightning",)
"""Modules that need not be installed; what needs them is then left out."""


def measure(space: Path, *, repeats: int | None, steps: int | None) -> list[Row]:
    """Our loop against each of the others."""
    repeats, steps = repeats or REPEATS, steps or STEPS
    run = prepare(space, steps)
    loops = {"ours": Loop("loops.ours_alone", run, steps)}
    for name, source in RIVALS.items():
        loop = Loop(source, run, steps)
        if loop.missing is None:
            loops[name] = loop
        else:
            say(f"fixed cost: {name} is left out: {loop.missing}; pip install -e '.[benchmarks]'")
            loop.close()
    say(f"fixed cost: {repeats} rounds of {TURNS} x {steps} steps for each of {', '.join(loops)}")
    blocks = {name: loop.block for name, loop in loops.items()}
    measured = [measure_in_turns(blocks, turns=TURNS) for _ in range(repeats)]
    costs = {name: [costs[name] for costs in measured] for name in loops}
    for loop in loops.values():
        loop.close()
    return [
        Row(
            name="step of a tiny MLP, 1 process",
            unit="us",
            other=name,
            ours=costs["ours"],
            theirs=costs[name],
            limit=PLAIN_LIMIT if name == "plain loop" else OTHERS_LIMIT,
        )
        for name in loops
        if name != "ours"
    ]


def prepare(space: Path, steps: int) -> Run:
    """A run over enough rows that no block meets the end of an epoch."""
    rows = 2 * BATCH_SIZE * (steps + 100)
    random = np.random.default_rng(0)
    columns = {f"x{number}": random.standard_normal(rows) for number in range(32)}
    columns["label"] = random.integers(0, 4, rows).astype(str)
    path = space / "rows.parquet"
    pyarrow.parquet.write_table(pa.table(columns), path)
    return make_run(*TINY_MLP, f"dataset.path={path}", f"trainer.max_steps={steps}")


class Loop:
    """A loop in a process of its own, that trains a block of steps when asked."""

    def __init__(self, source: str, run: Run, steps: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, source, str(run.path), steps), daemon=True)
        self._process.start()
        theirs.close()
        self.missing: str | None = self._pipe.recv()

    def block(self) -> Steps:
        """Train a block and time its steps."""
        self._pipe.send(True)
        return self._pipe.recv()

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join()


def serve(pipe: Connection, source: str, run_path: str, steps: int) -> None:
    """Build a loop, say whether its library is missing, then train a block for each message until the pipe closes."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    module, name = source.split(".")
    with silence():
        try:
            train = getattr(importlib.import_module(f"tests.benchmarks.{module}"), name)(Run(Path(run_path)))
        except ModuleNotFoundError as error:
            if error.name not in OPTIONAL:
                raise
            return pipe.send(str(error))
        record(train, steps)
        pipe.send(None)
        while True:
            try:
                pipe.recv()
            except EOFError:
                return leave_group()
            pipe.send(record(train, steps))
