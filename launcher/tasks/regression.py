"""One or several real numbers for each sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F

from launcher.tasks.inputs import model_inputs
from launcher.tasks.task import Example

if TYPE_CHECKING:
    from torch import Tensor
    from torchmetrics import MetricCollection

    from launcher.data.loader import Batch


class Regression:
    """Squared error; R2, mean squared and mean absolute error in the units of the prepared targets."""

    def __init__(self, *, num_outputs: int) -> None:
        self.num_outputs = num_outputs

    def example(self, batch: Batch) -> Example:
        """Targets are (B, num_outputs)."""
        return Example(model_inputs(batch.columns), batch.columns["labels"], len(batch) * self.num_outputs)

    def loss_sum(self, output: Tensor, targets: Tensor) -> Tensor:
        """Squared error, summed over samples and outputs; `output` is (B, num_outputs)."""
        return F.mse_loss(output, targets, reduction="sum")

    def metrics(self) -> MetricCollection:
        # torchmetrics takes over a second to import: the first evaluation pays it, not the first step.
        from torchmetrics import MetricCollection
        from torchmetrics.regression import MeanAbsoluteError, MeanSquaredError

        from launcher.tasks.metrics import R2

        return MetricCollection({"r2": R2(), "mse": MeanSquaredError(), "mae": MeanAbsoluteError()})

    def update(self, metrics: MetricCollection, output: Tensor, targets: Tensor, loss_sum: Tensor) -> None:
        metrics.update(output, targets)
