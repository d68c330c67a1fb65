"""Hidden tokens, from those around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from launcher.tasks.inputs import IGNORED, model_inputs
from launcher.tasks.task import Example

if TYPE_CHECKING:
    from torch import Tensor
    from torchmetrics import MetricCollection

    from launcher.data.loader import Batch


class MaskedLanguageModeling:
    """Cross entropy of masked tokens (BERT, Devlin et al. 2018); perplexity over them.

    Of the chosen positions 80 % become the mask token, 10 % a random token and 10 % stay. The choice belongs to the
    sample and the epoch, so it is the same on any number of processes.
    """

    def __init__(self, *, vocab_size: int, mask_token_id: int, mask_fraction: float) -> None:
        if not 0 < mask_fraction < 1:
            raise ValueError(
                f"task.mask_fraction={mask_fraction} must lie between 0 and 1; use task.mask_fraction=0.15"
            )
        self.vocab_size = vocab_size
        self.mask_token_id = mask_token_id
        self.mask_fraction = mask_fraction

    def example(self, batch: Batch) -> Example:
        """Targets (B, T) hold the original token where one was chosen, and are ignored elsewhere."""
        inputs = model_inputs(batch.columns)
        tokens = inputs["input_ids"]
        width = tokens.shape[1]
        choice, fate, replacement = batch.noise(3 * width).to(tokens.device).split(width, dim=1)
        chosen = choice < self.mask_fraction
        if "attention_mask" in inputs:
            chosen &= inputs["attention_mask"]
        random_tokens = (replacement * self.vocab_size).long()
        masked = torch.where(chosen & (fate < 0.8), self.mask_token_id, tokens)
        masked = torch.where(chosen & (fate >= 0.9), random_tokens, masked)
        targets = tokens.masked_fill(~chosen, IGNORED)
        return Example({**inputs, "input_ids": masked}, targets, chosen.sum())

    def loss_sum(self, output: Tensor, targets: Tensor) -> Tensor:
        """Nats, summed over the chosen tokens; `output` is logits (B, T, V)."""
        return F.cross_entropy(output.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum")

    def metrics(self) -> MetricCollection:
        # torchmetrics takes over a second to import: the first evaluation pays it, not the first step.
        from torchmetrics import MetricCollection

        from launcher.tasks.metrics import Perplexity

        return MetricCollection({"perplexity": Perplexity()})

    def update(self, metrics: MetricCollection, output: Tensor, targets: Tensor, loss_sum: Tensor) -> None:
        metrics.update(loss_sum, (targets != IGNORED).sum())
