"""The step loop: nothing but what a step needs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch

from launcher.data.loader import Step, training_steps
from launcher.parallel.spread import Micro
from launcher.training.evaluate import evaluate
from launcher.training.guard import Guard, RollBack
from launcher.training.pauses import Pauses
from launcher.training.randomness import reseed, step_seed
from launcher.training.restore import roll_back
from launcher.training.window import Window

if TYPE_CHECKING:
    from torch import Tensor

    from launcher.tasks.task import Example
    from launcher.training.build import Assembly


def run_steps(job: Assembly) -> None:
    """Train from where the run stands to the last step, reporting, evaluating and taking checkpoints on the way.

    Raises:
        Stopped: a signal asked for it; the step's checkpoint is published.
    """
    guard, first = Guard(job), job.position.step
    while first < job.num_steps:
        try:
            first = _run_steps(job, guard, first=first)
        except RollBack as order:
            roll_back(job, order)
            first = order.step


def _run_steps(job: Assembly, guard: Guard, *, first: int) -> int:
    """Train from step `first` to the last; returns where it ended."""
    trainer = job.config.trainer
    window, pauses = Window(job), Pauses(job, guard, first_step=first)
    job.meter.resume()
    with job.vigil.steps():
        for step in training_steps(job.train_rows, job.share, first=first, last=job.num_steps):
            job.progress.step = step.index + 1
            learning_rate = set_learning_rate(job, step)
            window.add(step, take_step(job, step, guard))
            job.profiler.step()
            done = step.index + 1
            if done % trainer.log_every_steps == 0 or done == job.num_steps or done == 1:
                window.report(step, learning_rate)
            metrics = {}
            if is_evaluated(job, done):
                with job.vigil.phase("evaluation"):
                    metrics = evaluate_now(job, done)
            pauses.after(done, window, metrics=metrics)
            job.vigil.step_done(done)
    return job.num_steps


def take_step(job: Assembly, step: Step, guard: Guard | None = None) -> tuple[Tensor, float | Tensor, Tensor] | None:
    """One optimizer step; returns what this process counts of loss and terms, and the norm of the whole gradient.

    None where the guard let it be skipped.
    """
    reseed(job.accelerator.device, step_seed(job.share.seed, step=step.index, data_rank=job.share.rank))
    loss, terms = compute_gradients(job, step)
    norm = job.model.clip(job.config.trainer.gradient_clip_norm)
    if guard is not None and job.checks_every_step and not guard.accepts(step, loss, terms, norm):
        job.optimizer.zero_grad()
        return None
    job.optimizer.step()
    job.optimizer.zero_grad()
    return loss, terms, norm


def compute_gradients(job: Assembly, step: Step) -> tuple[Tensor, float | Tensor]:
    """Gradients of the mean over the global batch; returns what this process counts of loss and terms."""
    examples = [job.task.example(batch) for batch in step.batches]
    global_terms = count_terms(job, step, examples)
    micros = [
        Micro(example.inputs, example.targets, batch.weight)
        for example, batch in zip(examples, step.batches, strict=True)
    ]
    loss = job.model.accumulate(micros, job.task.loss_sum, 1 / global_terms)
    if not job.model.mesh.counts_terms:
        return loss, 0.0
    return loss, sum(e.num_terms * b.weight for b, e in zip(step.batches, examples, strict=True))


def set_learning_rate(job: Assembly, step: Step) -> float:
    """The step's learning rate, which its optimizer now has."""
    learning_rate = job.base_lr * job.schedule(step.index)
    for group in job.optimizer.param_groups:
        group["lr"] = learning_rate
    return learning_rate


def count_terms(job: Assembly, step: Step, examples: Iterable[Example]) -> int | Tensor:
    """Terms of the loss in the global batch; ranks talk only where samples differ in their number of terms."""
    first = next(iter(examples))
    if isinstance(first.num_terms, int):
        return first.num_terms // len(step.batches[0]) * step.num_samples
    terms = torch.zeros((), device=job.accelerator.device)
    for batch, example in zip(step.batches, examples, strict=True):
        terms += example.num_terms * batch.weight
    return job.model.sum_over_data(terms).clamp(min=1)


def is_evaluated(job: Assembly, done: int) -> bool:
    """Whether an evaluation follows the step; after the last one only if its checkpoint may be among the best."""
    every = job.config.trainer.eval_every_steps
    if done == job.num_steps:
        return job.config.checkpoint.keep_best > 0
    return every is not None and done % every == 0


def evaluate_now(job: Assembly, done: int) -> dict[str, float]:
    """Evaluate on the validation split, report, and keep the time out of the throughput; returns the metrics."""
    if job.validation_rows is None:
        return {}
    job.meter.read()
    values = evaluate(job, job.validation_rows, max_samples=job.config.trainer.eval_samples)
    job.report("evaluation", step=done, split="validation", metrics=values)
    job.accelerator.log({f"validation/{name}": value for name, value in values.items()}, step=done)
    job.meter.resume()
    return values
