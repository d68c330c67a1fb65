"""A worker that takes a few steps and writes down all that a wrong strategy would change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from launcher.checkpoints.tensorfile import write_tensors
from launcher.config.compose import from_file
from launcher.data.loader import training_steps
from launcher.parallel.accelerator import reduce_sums
from launcher.parallel.plan import Plan
from launcher.runs import Run, write_json
from launcher.training.build import Assembly, assemble
from launcher.training.loop import compute_gradients, set_learning_rate
from launcher.training.vigil import Progress
from launcher.training.worker import work

if TYPE_CHECKING:
    from launcher.training.tracking import WandbTracker
    from launcher.training.vigil import Vigil

SGD = {"_target_": "torch.optim.SGD", "lr": 0.1}
"""Adam hides a gradient that is wrong by a constant factor; plain SGD does not."""
SAMPLE = 4096
"""Entries of each gradient that are kept of a step, evenly spread so that each process's part is among them."""


def main(run_path: str, attempt: int) -> None:
    """Take the steps of the run in `run_path` with plain SGD, then with its own optimizer."""
    work(run_path, attempt, prove)


def prove(run: Run, vigil: Vigil, trackers: list[WandbTracker]) -> Assembly:
    """Records of both phases lie in the run directory afterwards."""
    config, plan = from_file(run.config_path), Plan.load(run.plan_path)
    torch.set_num_threads(plan.threads)
    for phase, optimizer in (("sgd", SGD), ("configured", config.optimizer)):
        job = assemble(run, replace(config, optimizer=optimizer), plan, vigil, trackers)
        for part in job.model.parts:
            _note_modules(part, job.progress)
        _take_steps(job, phase)
    job.accelerator.wait_for_everyone()
    return job


def _take_steps(job: Assembly, phase: str) -> None:
    is_main = job.accelerator.is_main_process
    steps: list[dict[str, float]] = []
    gradients: dict[str, list[Tensor]] = {}
    for step in training_steps(job.train_rows, job.share, first=0, last=job.num_steps):
        job.progress.step = step.index + 1
        set_learning_rate(job, step)
        loss, terms = compute_gradients(job, step)
        for name, gradient in job.model.tensors(gradients=True):
            if gradient is not None:
                gradients.setdefault(name, []).append(_sample(gradient))
        norm = job.model.clip(job.config.trainer.gradient_clip_norm)
        job.optimizer.step()
        job.optimizer.zero_grad()
        total, count = reduce_sums(job.accelerator, loss, terms)
        steps.append({"loss": total / max(count, 1.0), "gradient_norm": norm.item()})
        job.report("parity", phase=phase, step=step.index + 1, num_steps=job.num_steps, **steps[-1])
    if is_main:
        write_json(job.run.path / f"{phase}.json", {"steps": steps})
        stacked = {name: torch.stack(values) for name, values in gradients.items()}
        save_file(stacked, job.run.path / f"{phase}.gradients.safetensors")
    path = job.run.path / f"{phase}.parameters.safetensors"
    write_tensors(path if is_main else None, job.model.layout(), job.model.tensors())


def _sample(gradient: Tensor) -> Tensor:
    flat = gradient.detach().flatten()
    # A copy in either case: clipping scales the gradient in place.
    chosen = flat.clone() if flat.numel() <= SAMPLE else flat[torch.linspace(0, flat.numel() - 1, SAMPLE).long()]
    return chosen.float().cpu()


def _note_modules(part: nn.Module, progress: Progress) -> None:
    """Let a failure name the module that was running."""
    for name, module in part.named_modules():
        if name:
            module.register_forward_pre_hook(_noting(name, progress), prepend=True)


def _noting(name: str, progress: Progress) -> Any:
    def note(module: nn.Module, args: Any) -> None:
        progress.phase = f"running {name}"

    return note
