"""Saves or loads cases of the parity matrix: `python resharding.py DIRECTORY CASE...` is one of their processes.

A case with `init_from` goes on from there; one with `tracker.group` trains and saves there; another takes both halves.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from launcher.config.schema import Config
from launcher.data.loader import training_steps
from launcher.parallel.accelerator import host_group, reduce_sums
from launcher.parallel.plan import Plan
from launcher.training import checkpointer
from launcher.training.loop import take_step
from launcher.training.restore import load, newest_sound
from tests.launcher.parallel.matrix import OPTIMIZERS, Job, assemble, run_cases, whole_weights

HALF = 4
"""Steps before the checkpoint, and after it."""

one_group = cache(host_group)
"""Each process group starts threads of its own."""


def half(config: Config, plan: Plan, accelerator: Any) -> dict[str, Any]:
    """The loss of each step of the last half, and the weights at its end."""
    job = assemble(replace(config, optimizer=OPTIMIZERS["adamw"]), plan, accelerator)
    if config.init_from is None:
        losses = take_steps(job, first=0)
        if config.tracker.group is None:
            losses = take_steps(job, first=HALF)
        else:
            save(job, Path(config.tracker.group), config)
    else:
        checkpoint = newest_sound(Path(config.init_from), one_group(), warn=print)
        assert checkpoint is not None
        load(checkpoint, job.model, job.optimizer, one_group())
        losses = take_steps(job, first=checkpoint.step)
    return {"loss": losses, "end": whole_weights(job)}


def take_steps(job: Job, *, first: int) -> list[float]:
    found = []
    for step in training_steps(job.rows, job.share, first=first, last=first + HALF):
        loss, terms, _ = take_step(job, step)
        loss, terms = reduce_sums(job.accelerator, loss, terms)
        found.append(loss / terms)
    return found


def save(job: Job, directory: Path, config: Config) -> None:
    messages: list[Any] = []
    writer = checkpointer.Checkpointer(
        directory,
        config.checkpoint,
        job.model,
        job.optimizer,
        control=one_group(),
        report=lambda *args, **values: messages.append(values),
    )
    writer.save(HALF, {"metrics": {}}, wait=True)
    assert not any("message" in values for values in messages), messages


if __name__ == "__main__":
    checkpointer.host_group = one_group
    run_cases(Path(sys.argv[1]), sys.argv[2:], half)
