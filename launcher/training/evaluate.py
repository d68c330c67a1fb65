"""The loss and the task's metrics over a split, the same on any number of processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from launcher.data.loader import evaluation_batches
from launcher.parallel.accelerator import reduce_sums
from launcher.parallel.spread import Micro

if TYPE_CHECKING:
    from launcher.data.loader import Rows
    from launcher.training.build import Assembly


@torch.no_grad()
def evaluate(job: Assembly, rows: Rows, *, max_samples: int | None = None) -> dict[str, float]:
    """`loss` (the mean over terms) and the task's metrics over the first `max_samples` rows, all ranks together."""
    metrics = job.task.metrics().to(job.accelerator.device)
    loss, terms = 0.0, 0.0
    job.model.train(False)
    num_terms: list[float] = []
    for micro, output in job.model.outputs(_micros(job, rows, max_samples, num_terms)):
        if output is not None:
            loss_sum = job.task.loss_sum(output, micro.targets)
            job.task.update(metrics, output, micro.targets, loss_sum)
            loss += float(loss_sum)
    if job.model.mesh.counts_terms:
        terms = float(sum(num_terms))
    job.model.train()
    loss, terms = reduce_sums(job.accelerator, loss, terms)
    values = {name: float(value) for name, value in metrics.compute().items()}
    return {"loss": loss / terms, **values}


def _micros(job: Assembly, rows: Rows, max_samples: int | None, num_terms: list[float]) -> Iterator[Micro]:
    """Micro batches of a split; their terms are added to `num_terms`."""
    for batch in evaluation_batches(rows, job.evaluation_share, max_samples=max_samples):
        example = job.task.example(batch)
        num_terms.append(float(example.num_terms) * batch.weight)
        yield Micro(example.inputs, example.targets, batch.weight)
