"""How long the loop stands still for a checkpoint, and what memory it takes, with a model of 124 million parameters.

Ours is written in the background: the call is timed, and its writing has ended before anything else begins. Beside it
stand what torch and Accelerate write while the loop waits. All save the same model and AdamW's state, in turns in one
process, after a step each; what they wrote before is gone from the disk, and from what waits to be written there.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import psutil
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_state_dict
from torch.distributed.launcher.api import elastic_launch

from launcher.runs import Run
from launcher.training.build import Assembly
from launcher.training.checkpointer import Checkpointer
from launcher.training.loop import run_steps
from launcher.training.position import Position
from launcher.training.state import to_state
from tests.benchmarks import loops
from tests.benchmarks.gpu import SHAPES
from tests.benchmarks.pairs import launch_config
from tests.benchmarks.report import Cost, Row, say, silence
from tests.benchmarks.workspace import make_run

LIMIT = 0.15
REPEATS, LAUNCHES = 8, 2
SAMPLE_S = 0.01
PROCESSES = (1, 2)
OTHERS = {"torch": "torch.distributed.checkpoint.save", "accelerate": "accelerator.save_state"}

Measured = dict[str, list[Cost]]


def measure(
    space: Path,
    *,
    repeats: int | None,
    steps: int | None = None,
    overrides: tuple[str, ...] = SHAPES["124M"].gpt,
    processes: tuple[int, ...] = PROCESSES,
) -> list[Row]:
    """Rounds of one checkpoint of each kind; the first of ours in its process is kept apart."""
    repeats = repeats or REPEATS
    rows = []
    for num_processes in processes:
        say(f"checkpoints: {repeats} of each kind in {num_processes} processes")
        run = make_run(
            "trainer.eval_every_steps=null",
            "dataset.sequence_length=32",
            "dataset.max_rows=200",
            "checkpoint.keep_last=1",
            f"engine.num_processes={num_processes}",
            f"trainer.global_batch_size={num_processes}",
            *overrides,
        )
        measured: Measured = {}
        for launch in range(min(LAUNCHES, repeats)):
            share = len(range(launch, repeats, LAUNCHES))
            config = launch_config(run.id, num_processes)
            for name, costs in elastic_launch(config, worker)(str(run.path), str(space), share)[0].items():
                measured.setdefault(name, []).extend(costs)
        rows += table(measured, f"{num_processes} process{'es' if num_processes > 1 else ''}")
        shutil.rmtree(run.path)
    return rows


def table(measured: Measured, where: str) -> list[Row]:
    """What was measured, as rows."""
    titles = {"ours": "loop stands still for a checkpoint", "first": "the same, first checkpoint"}
    rows = [
        Row(
            name=f"{titles[mine]}, {where}",
            unit="ms",
            other=other,
            ours=measured[mine],
            theirs=measured[theirs][: len(measured[mine])],
            limit=LIMIT if mine == "ours" else None,
        )
        for mine in titles
        for theirs, other in OTHERS.items()
    ]
    name, copy = f"peak memory added by a checkpoint, {where}", "one copy of the state"
    return [
        *rows,
        Row(name=name, unit="MiB", other=copy, ours=measured["memory"], theirs=measured["state"], limit=None),
    ]


def worker(run_path: str, space: str, repeats: int) -> Measured:
    """What the slowest process waits; memory is that of process 0."""
    warnings.simplefilter("ignore")
    dist.init_process_group("gloo")
    with silence():
        job = loops.assembled(Run(Path(run_path)))
        torch.set_num_threads(job.plan.threads)
        scene = Scene(job, Path(space) / "theirs")
        measured = scene.first()
        for repeat in range(repeats):
            for name in ["ours", *OTHERS][:: 1 if repeat % 2 == 0 else -1]:
                measured.setdefault(name, []).append(scene.take(name))
    loops.leave_group()
    return measured


class Scene:
    """A model with its optimizer's state, and three ways to save both."""

    def __init__(self, job: Assembly, theirs: Path) -> None:
        self._job, self._theirs, self._step = job, theirs, 0
        accelerator = job.accelerator
        # What `accelerator.prepare` would note down.
        accelerator._models, accelerator._optimizers = list(job.model.parts), [job.optimizer]
        self._train()
        self._peak_before = peak(self._train)
        self._ours = Checkpointer(
            job.run.checkpoints_dir,
            job.config.checkpoint,
            job.model,
            job.optimizer,
            control=job.control,
            report=lambda event, **more: None,
        )
        self._ways = {"ours": self._save, "torch": self._save_by_torch, "accelerate": self._save_by_accelerate}

    def first(self) -> Measured:
        """The first checkpoint of ours, and how much more is held, at the most, than by training alone."""
        costs: list[Cost] = []

        def save_and_train() -> None:
            self._ours.prepare()  # as the loop does behind its first step
            costs.append(self.take("ours", settle=False))
            self._train()
            self._settle()

        added = peak(save_and_train) - self._peak_before
        files = self._job.run.checkpoints_dir.glob("*/*.safetensors")
        state = sum(file.stat().st_size for file in files)
        return {"first": costs, "memory": [Cost(max(added, 1))], "state": [Cost(state)]}

    def take(self, name: str, *, settle: bool = True) -> Cost:
        """Seconds until the slowest process may go on; with `settle` all is on the disk when this returns."""
        self._train()
        self._ours.finish()
        dist.barrier()
        began = time.perf_counter()
        self._ways[name]()
        seconds = torch.tensor(time.perf_counter() - began)
        dist.all_reduce(seconds, op=dist.ReduceOp.MAX)
        if settle:
            self._settle()
        return Cost(seconds.item())

    def _train(self) -> None:
        self._job.num_steps = 1
        run_steps(self._job)

    def _settle(self) -> None:
        self._ours.finish()
        dist.barrier()
        if self._job.accelerator.is_main_process:
            shutil.rmtree(self._theirs, ignore_errors=True)
            os.sync()
        dist.barrier()

    def _save(self) -> None:
        self._step += 1
        self._ours.save(self._step, to_state(self._job, Position(step=self._step)))

    def _save_by_torch(self) -> None:
        model, optimizer = get_state_dict(self._job.model.parts[0], self._job.optimizer)
        dcp.save({"model": model, "optimizer": optimizer}, checkpoint_id=self._theirs)

    def _save_by_accelerate(self) -> None:
        self._job.accelerator.save_state(str(self._theirs))


def peak(work: Callable[[], None]) -> int:
    """The most bytes that this process holds resident while it works."""
    process, done, held = psutil.Process(), threading.Event(), [0]

    def watch() -> None:
        while not done.wait(SAMPLE_S):
            held.append(process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    return max(held)
