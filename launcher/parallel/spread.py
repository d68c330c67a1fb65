"""A model spread over the mesh: what the step loop, evaluation and saving call, the same under every strategy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.distributed.tensor.parallel import loss_parallel
from torch.optim import Optimizer

from launcher.parallel.clip import GradientNorm, keep_own_parts
from launcher.parallel.gather import names_and_values, whole_tensors
from launcher.parallel.mesh import Mesh
from launcher.parallel.routing import Balance

LossSum = Callable[[Tensor, Tensor], Tensor]
"""A model's output and its targets to the sum of the loss over their terms, of shape ()."""


class Micro(NamedTuple):
    """A micro batch: arguments of the model, targets, and 1.0, or 0.0 for a stand-in that counts nothing."""

    inputs: dict[str, Tensor]
    targets: Tensor
    weight: float


class Spread(ABC):
    """A model over a mesh.

    `whole` is the model with this process's modules in it and what others hold on the meta device; `parts` are the
    modules that this process runs.
    """

    def __init__(
        self,
        mesh: Mesh,
        *,
        whole: nn.Module,
        parts: list[nn.Module],
        num_parameters: int,
        positions: Tensor | None,
        splits_logits: bool,
        balance: Balance,
        notes: list[str],
    ) -> None:
        self.mesh, self.num_parameters, self.notes = mesh, num_parameters, notes
        self.whole, self.parts = whole, parts
        self.parameters = [p for part in parts for p in part.parameters() if p.requires_grad]
        self.balance = balance
        self._positions = None if positions is None else positions.to(mesh.device)
        self._splits_logits = splits_logits
        if mesh.axes.num_gradients == 1:
            keep_own_parts(self.parameters)
        stages = mesh.group("pp") if mesh.axes.pp > 1 else None
        self._norm = GradientNorm(self.parameters, device=mesh.device, stages=stages)

    @abstractmethod
    def accumulate(self, micros: list[Micro], loss_sum: LossSum, scale: float | Tensor) -> Tensor:
        """Add the gradients of a step's micro batches, reduced over processes; `scale` is 1 / terms of the step.

        Returns the loss sum of shape () that this process counts; over all processes they add up to the step's.
        """

    @abstractmethod
    def outputs(self, micros: Iterable[Micro]) -> Iterator[tuple[Micro, Tensor | None]]:
        """Forward passes: each micro batch with this process's targets, and its output if this process counts it."""

    def take(self, optimizer: Optimizer) -> Optimizer:
        """Prepare an optimizer over `parameters`; returns what the step loop calls."""
        return optimizer

    def clip(self, limit: float | None) -> Tensor:
        """The norm of the whole model's gradient, of shape (), before it is scaled down to `limit`."""
        return self._norm.clip(limit)

    def sum_over_data(self, value: Tensor) -> Tensor:
        """The sum over processes with other samples, in place."""
        if self.mesh.axes.num_data > 1:
            dist.all_reduce(value, group=self.mesh.group("data"))
        return value

    def train(self, mode: bool = True) -> None:
        """Turn dropout and the like on or off."""
        for part in self.parts:
            part.train(mode)

    def named_local(self) -> Iterator[tuple[str, Tensor, Tensor | None]]:
        """Name, value and gradient of what this process holds of each parameter."""
        for part in self.parts:
            for name, parameter in part.named_parameters():
                yield name, local(parameter.data), None if parameter.grad is None else local(parameter.grad)

    def tensors(self, *, gradients: bool = False) -> Iterator[tuple[str, Tensor | None]]:
        """Name and whole value of each parameter and saved buffer, on process 0; None on others.

        One tensor is gathered at a time. With `gradients`, the gradients of the parameters instead.
        """
        return whole_tensors(self.mesh, self.whole, self.parts, gradients=gradients)

    def layout(self) -> dict[str, Tensor]:
        """What `tensors` gives, by name: only shapes and dtypes count."""
        return names_and_values(self.whole)

    def _own_targets(self, micro: Micro) -> Micro:
        if self._positions is None:
            return micro
        return micro._replace(targets=micro.targets.index_select(1, self._positions))

    def _around_loss(self) -> AbstractContextManager[Any]:
        return loss_parallel() if self._splits_logits else nullcontext()


def local(tensor: Tensor) -> Tensor:
    """This process's part of a tensor."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def plain(tensor: Tensor) -> Tensor:
    """A tensor that is whole on this process."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def counted(mesh: Mesh, losses: list[Tensor]) -> Tensor:
    """The sum of losses where this process counts them, else zero."""
    if not losses or not mesh.counts:
        return torch.zeros((), device=mesh.device)
    return losses[0] if len(losses) == 1 else torch.stack(losses).sum()
