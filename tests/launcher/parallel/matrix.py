"""Trains cases of the parity matrix for real: `python matrix.py DIRECTORY CASE...` is one of their processes.

A worker does what `windlass train` does from the plan to the last step; only its rows are made here.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from launcher.config.compose import from_file
from launcher.config.schema import Config
from launcher.config.targets import build
from launcher.data.loader import Share, training_steps
from launcher.parallel import distribute as spreading
from launcher.parallel.accelerator import make_accelerator, reduce_sums
from launcher.parallel.devices import Devices
from launcher.parallel.plan import Plan, make_plan
from launcher.training.evaluate import evaluate
from launcher.training.loop import take_step
from launcher.training.optimizer import make_optimizer
from launcher.training.vigil import Progress
from tests.launcher.parallel.cases import GLOBAL_BATCH
from tests.launcher.parallel.processes import leave

NUM_STEPS = 20
OPTIMIZERS: dict[str, dict[str, Any]] = {
    # A larger rate makes training unstable, and rounding grows with it: on some processors beyond what is compared.
    "sgd": {"_target_": "torch.optim.SGD", "lr": 0.1},
    # The eps keeps rounding errors of gradients that are all but zero from being scaled up to whole steps.
    "adamw": {"_target_": "torch.optim.AdamW", "lr": 3e-3, "eps": 1e-6, "weight_decay": 0.1, "fused": True},
}


class Rows:
    """A few rows, one more than whole steps of them, so that in the last step of an epoch processes have none."""

    def __init__(self, *, num_rows: int, kind: str, vocab: int, sequence: int) -> None:
        generator = np.random.default_rng(0)
        if kind == "table":
            labels = generator.integers(0, 3, num_rows)
            self.columns = {"inputs": generator.normal(size=(num_rows, 6)).astype(np.float32), "labels": labels}
            self.columns["inputs"][:, :3] += np.eye(3, dtype=np.float32)[labels]
        else:
            steps = generator.integers(1, 4, (num_rows, 1)) * np.arange(sequence)
            tokens = (generator.integers(0, vocab, (num_rows, 1)) + steps) % vocab
            self.columns = {"tokens": tokens, "length": generator.integers(3, sequence + 1, num_rows)}

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def gather(self, indices: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        return {name: column[indices] for name, column in self.columns.items()}


class Job(SimpleNamespace):
    """As much of an Assembly as a step takes."""

    checks_every_step = True


def make_rows(config: Config) -> Rows:
    """Rows that fit the task; a causal model takes one token fewer than a row has."""
    kind, length = config.dataset.kind, config.model.get("sequence_length", 0)
    causal = "language_modeling.LanguageModeling" in config.task["_target_"] and "masked" not in config.task["_target_"]
    num_rows = 3 * config.trainer.global_batch_size + 1
    return Rows(num_rows=num_rows, kind=kind, vocab=config.model.get("vocab_size", 0), sequence=length + causal)


def assemble(config: Config, plan: Plan, accelerator: Any) -> Job:
    """A worker, built as `launcher.training.build` builds it."""
    model = spreading.distribute(
        accelerator,
        lambda: build(config.model),
        config,
        plan,
        sequence_length=config.model.get("sequence_length"),
    )
    optimizer = model.take(make_optimizer(config.optimizer, model.parameters))
    share = Share(
        global_batch_size=plan.global_batch_size,
        micro_batch_size=plan.micro_batch_size,
        rank=model.mesh.index("data"),
        num_ranks=plan.axes.num_data,
        seed=config.trainer.seed,
        device=accelerator.device,
    )
    model.train()
    return Job(
        config=config,
        plan=plan,
        progress=Progress(),
        accelerator=accelerator,
        task=build(config.task),
        model=model,
        optimizer=optimizer,
        rows=make_rows(config),
        share=share,
        evaluation_share=share,
    )


def steps(job: Job, *, num_steps: int) -> Iterator[dict[str, float]]:
    """Take steps; the mean loss and the gradient norm of each."""
    for step in training_steps(job.rows, job.share, first=0, last=num_steps):
        loss, terms, norm = take_step(job, step)
        loss, terms = reduce_sums(job.accelerator, loss, terms)
        yield {"loss": loss / terms, "norm": norm.item()}


def train(config: Config, plan: Plan, accelerator: Any) -> dict[str, Any]:
    """Train with each optimizer: `loss` and `norm` of each step, and the weights before and after, and
    the loss of a small evaluation."""
    found: dict[str, Any] = {}
    for name, section in OPTIMIZERS.items():
        job = assemble(replace(config, optimizer=section), plan, accelerator)
        start = whole_weights(job)
        taken = list(steps(job, num_steps=NUM_STEPS))
        found[name] = {
            "start": start,
            "end": whole_weights(job),
            **{key: [step[key] for step in taken] for key in ("loss", "norm")},
            "evaluation": evaluate(job, job.rows, max_samples=GLOBAL_BATCH + 3),
        }
    return found


def whole_weights(job: Job) -> dict[str, torch.Tensor | None]:
    """Each tensor of the model, on process 0."""
    return {name: None if tensor is None else tensor.clone() for name, tensor in job.model.tensors()}


def run_cases(directory: Path, names: list[str], measure: Callable[[Config, Plan, Any], Any]) -> None:
    """Measure each case in turn with the processes that joined; each writes what it found or what went wrong."""
    torch.set_num_threads(1)
    # Each process group starts threads of its own: a mesh of the same axes is made once.
    spreading.make_mesh = cache(spreading.make_mesh)  # type: ignore[assignment]
    rank, accelerator = int(os.environ["RANK"]), None
    for name in names:
        config = from_file(directory / f"{name}.yaml")
        plan = make_plan(config, Devices(cpu_cores=2))
        try:
            if accelerator is None:
                accelerator = make_accelerator(plan, precision=config.trainer.precision, trackers=[])
            found = measure(config, plan, accelerator)
            accelerator.free_memory()
        except BaseException:
            (directory / f"{name}.{rank}.error").write_text(traceback.format_exc())
            os._exit(1)  # peers wait in a collective; who started us ends them
        torch.save(found, directory / f"{name}.{rank}.partial")
        (directory / f"{name}.{rank}.partial").rename(directory / f"{name}.{rank}.pt")
    leave()


if __name__ == "__main__":
    run_cases(Path(sys.argv[1]), sys.argv[2:], train)
