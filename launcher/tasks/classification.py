"""One of several classes for each sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F

from launcher.tasks.inputs import model_inputs
from launcher.tasks.task import Example

if TYPE_CHECKING:
    from torch import Tensor
    from torchmetrics import MetricCollection

    from launcher.data.loader import Batch


class Classification:
    """Cross entropy over classes; accuracy by sample, precision, recall and F1 as the mean over classes."""

    def __init__(self, *, num_classes: int) -> None:
        self.num_classes = num_classes

    def example(self, batch: Batch) -> Example:
        """Targets are class ids (B,)."""
        return Example(model_inputs(batch.columns), batch.columns["labels"], len(batch))

    def loss_sum(self, output: Tensor, targets: Tensor) -> Tensor:
        """Nats, summed over samples; `output` is logits (B, num_classes)."""
        return F.cross_entropy(output, targets, reduction="sum")

    def metrics(self) -> MetricCollection:
        # torchmetrics takes over a second to import: the first evaluation pays it, not the first step.
        from torchmetrics import MetricCollection
        from torchmetrics.classification import (
            MulticlassAccuracy,
            MulticlassF1Score,
            MulticlassPrecision,
            MulticlassRecall,
        )

        classes = {"num_classes": self.num_classes, "validate_args": False}
        return MetricCollection(
            {
                "accuracy": MulticlassAccuracy(average="micro", **classes),
                "precision": MulticlassPrecision(average="macro", **classes),
                "recall": MulticlassRecall(average="macro", **classes),
                "f1": MulticlassF1Score(average="macro", **classes),
            }
        )

    def update(self, metrics: MetricCollection, output: Tensor, targets: Tensor, loss_sum: Tensor) -> None:
        metrics.update(output, targets)
