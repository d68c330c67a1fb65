"""Metrics that torchmetrics lacks: of a model of tokens, from its summed loss alone, and R2 of any number of rows."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.regression import R2Score


class R2(R2Score):
    """R2, and NaN where a split has a single row, of which torchmetrics makes an error."""

    def compute(self) -> Tensor:
        return super().compute() if self.total >= 2 else torch.full((), torch.nan)


class Perplexity(Metric):
    """exp of the mean loss in nats over all tokens, over all processes."""

    full_state_update = False
    nats: Tensor
    tokens: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("nats", torch.zeros(()), dist_reduce_fx="sum")
        self.add_state("tokens", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, loss_sum: Tensor, num_tokens: Tensor) -> None:
        """Add the loss in nats of so many tokens."""
        self.nats += loss_sum
        self.tokens += num_tokens

    def compute(self) -> Tensor:
        return torch.exp(self.nats / self.tokens)


class BitsPerByte(Perplexity):
    """Mean loss in bits over the bytes that the tokens stand for, so that tokenizers can be compared."""

    def __init__(self, *, bytes_per_token: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bytes_per_token = bytes_per_token

    def compute(self) -> Tensor:
        return self.nats / self.tokens / (math.log(2) * self.bytes_per_token)
