"""The next token at every position."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F

from launcher.tasks.inputs import IGNORED, real_positions
from launcher.tasks.task import Example

if TYPE_CHECKING:
    from torch import Tensor
    from torchmetrics import MetricCollection

    from launcher.data.loader import Batch


class LanguageModeling:
    """Cross entropy of each token given those before it; perplexity by token, and bits per byte."""

    def __init__(self, *, bytes_per_token: float) -> None:
        self.bytes_per_token = bytes_per_token

    def example(self, batch: Batch) -> Example:
        """Rows of T + 1 tokens become `input_ids` (B, T) and targets (B, T), one position on."""
        tokens = batch.columns["tokens"].long()
        inputs, targets = {"input_ids": tokens[:, :-1]}, tokens[:, 1:]
        if "length" not in batch.columns:
            return Example(inputs, targets, targets.numel())
        real = real_positions(batch.columns["length"] - 1, targets.shape[1])
        return Example(inputs, targets.masked_fill(~real, IGNORED), real.sum())

    def loss_sum(self, output: Tensor, targets: Tensor) -> Tensor:
        """Nats, summed over the tokens that count; `output` is logits (B, T, V)."""
        return F.cross_entropy(output.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum")

    def metrics(self) -> MetricCollection:
        # torchmetrics takes over a second to import: the first evaluation pays it, not the first step.
        from torchmetrics import MetricCollection

        from launcher.tasks.metrics import BitsPerByte, Perplexity

        return MetricCollection(
            {"perplexity": Perplexity(), "bits_per_byte": BitsPerByte(bytes_per_token=self.bytes_per_token)},
            compute_groups=False,
        )

    def update(self, metrics: MetricCollection, output: Tensor, targets: Tensor, loss_sum: Tensor) -> None:
        metrics.update(loss_sum, (targets != IGNORED).sum())
