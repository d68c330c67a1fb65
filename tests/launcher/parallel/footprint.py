"""Measures what each process of a case holds: `python footprint.py DIRECTORY CASE...` is one of the processes."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.distributed.tensor import DTensor
from torch.profiler import ProfilerActivity, profile

from launcher.config.schema import Config
from launcher.parallel.plan import Plan
from tests.launcher.parallel.matrix import OPTIMIZERS, assemble, run_cases, steps

TRIES = 4
"""Of a first step. Gloo's threads let go of buffers when they get to run again, late on a busy machine: what is held
then comes on top of what a step needs, which is the least of all tries."""


def footprint(config: Config, plan: Plan, accelerator: Any) -> dict[str, int]:
    """Bytes: `parameters`, `gradients` and `optimizer` (state) are what is held after a step with AdamW.

    `built` is the most that was held at once while the model was built and filled, `stepped` to the end of its first
    step with SGD, which has no state; `total` is the size of the whole model's parameters, `vectors` of those that
    are no matrices.
    """
    adamw, sgd = (replace(config, optimizer=OPTIMIZERS[name]) for name in ("adamw", "sgd"))
    jobs: list[Any] = []
    built = most_allocated(lambda: jobs.append(assemble(sgd, plan, accelerator)))
    stepped = min(first_step(jobs.pop() if jobs else assemble(sgd, plan, accelerator)) for _ in range(TRIES))
    job = assemble(adamw, plan, accelerator)
    total, shapes = 4 * job.model.num_parameters, job.model.layout().values()
    vectors = sum(4 * tensor.numel() for tensor in shapes if tensor.ndim == 1)
    found = {"total": total, "vectors": vectors, "built": built, "stepped": max(built, stepped)}
    forget = job.optimizer.zero_grad

    def measure() -> None:
        states = [value for state in job.optimizer.state.values() for value in state.values()]
        found["parameters"] = held(job.model.parameters)
        found["gradients"] = held(parameter.grad for parameter in job.model.parameters)
        found["optimizer"] = held(states)
        forget()

    job.optimizer.zero_grad = measure
    list(steps(job, num_steps=1))
    return found


def first_step(job: Any) -> int:
    """The most that is held in the first step."""
    gc.collect()  # else what an earlier try left is freed meanwhile, and hides what is taken
    start = held(tensor for part in job.model.parts for tensor in [*part.parameters(), *part.buffers()])
    return start + most_allocated(lambda: list(steps(job, num_steps=1)))


def held(tensors: Iterable[Any]) -> int:
    """Bytes of the storages on this process, each once."""
    locals_ = [tensor.to_local() if isinstance(tensor, DTensor) else tensor for tensor in tensors]
    storages = {one.untyped_storage().data_ptr(): one.untyped_storage().nbytes() for one in locals_}
    return sum(storages.values())


def most_allocated(call: Callable[[], Any]) -> int:
    """The most bytes that torch's allocator gave out at once during a call, beyond what it had given before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        call()
    events = recorded.profiler.kineto_results.events()
    changes = [(event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]"]
    most = now = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


if __name__ == "__main__":
    torch.manual_seed(0)
    run_cases(Path(sys.argv[1]), sys.argv[2:], footprint)
