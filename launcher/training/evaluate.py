"""The loss and the task's metrics over a split, the same on any number of processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from launcher.data.loader import evaluation_batches
from launcher.parallel.accelerator import reduce_sums

if TYPE_CHECKING:
    from launcher.data.loader import Rows
    from launcher.training.build import Assembly


@torch.no_grad()
def evaluate(job: Assembly, rows: Rows, *, max_samples: int | None = None) -> dict[str, float]:
    """`loss` (the mean over terms) and the task's metrics over the first `max_samples` rows, all ranks together."""
    metrics = job.task.metrics().to(job.accelerator.device)
    loss, terms = 0.0, 0.0
    job.model.eval()
    for batch in evaluation_batches(rows, job.evaluation_share, max_samples=max_samples):
        example = job.task.example(batch)
        output = job.model(**example.inputs)
        if batch.weight == 0.0:
            continue
        loss_sum = job.task.loss_sum(output, example.targets)
        job.task.update(metrics, output, example.targets, loss_sum)
        loss += float(loss_sum)
        terms += float(example.num_terms)
    job.model.train()
    loss, terms = reduce_sums(job.accelerator, loss, terms)
    values = {name: float(value) for name, value in metrics.compute().items()}
    return {"loss": loss / terms, **values}
