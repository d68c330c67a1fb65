"""A model that every process runs from input to loss: single, replicated, sharded, split inside its layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer

from launcher.parallel.shard import synchronize_gradients
from launcher.parallel.spread import LossSum, Micro, Spread, counted, plain


class WholeModel(Spread):
    """Micro batches one after the other; gradients are reduced over processes in the last one only."""

    def __init__(self, accelerator: Accelerator, model: nn.Module, **common: Any) -> None:
        super().__init__(**common)
        self._accelerator, self._model = accelerator, model

    def accumulate(self, micros: list[Micro], loss_sum: LossSum, scale: float | Tensor) -> Tensor:
        # Gradients are averaged over the processes that add to them; so scaled, the average is the global mean.
        scale = self.mesh.axes.num_gradients * scale
        losses = []
        for index, micro in enumerate(micros):
            inputs, targets, weight = self._own_targets(micro)
            is_last = index + 1 == len(micros)
            if len(micros) > 1:
                synchronize_gradients(self._model, is_last=is_last)
            self.balance.weigh(scale * weight, rows=len(micro.targets))
            holds_back = self.mesh.axes.only_replicates and not is_last
            with self._accelerator.no_sync(self._model) if holds_back else nullcontext(), self._around_loss():
                loss = plain(loss_sum(self._model(**inputs), targets))
                # The scale enters as the gradient of the sum: a product would cost two more operations.
                gradient = torch.as_tensor(scale * weight, dtype=loss.dtype, device=loss.device)
                self._accelerator.backward(loss, gradient=gradient)
            losses.append(loss.detach() if weight else torch.zeros_like(loss))
        return counted(self.mesh, losses)

    def outputs(self, micros: Iterable[Micro]) -> Iterator[tuple[Micro, Tensor | None]]:
        for micro in micros:
            output = plain(self._model(**micro.inputs))
            yield self._own_targets(micro), output if self.mesh.counts and micro.weight else None

    def take(self, optimizer: Optimizer) -> Optimizer:
        stepper = self._accelerator.prepare(optimizer)
        # Without a gradient scaler the wrapper only adds its cost: it searches the import path at every step.
        return stepper if self._accelerator.scaler is not None else stepper.optimizer

    def clip(self, limit: float | None) -> Tensor:
        if self._accelerator.scaler is not None:
            self._accelerator.unscale_gradients()
        return super().clip(limit)
