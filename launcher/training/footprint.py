"""How large a model is, found without holding it: parameters, and the bytes that its state takes."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from launcher.config.targets import build
from launcher.training.optimizer import make_optimizer

if TYPE_CHECKING:
    from torch import Tensor, nn

    from launcher.config.schema import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Bytes that one replica holds all the time; activations come on top."""

    num_parameters: int
    weights_bytes: int
    gradients_bytes: int
    optimizer_bytes: int | None  # None where the optimizer can't take a step on the meta device


def measure_footprint(config: Config) -> Footprint:
    """Build the model on the meta device, give it gradients, and let the optimizer take one step there."""
    with torch.device("meta"):
        model = build(config.model)
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return Footprint(
        num_parameters=sum(parameter.numel() for parameter in model.parameters()),
        weights_bytes=_bytes([*model.parameters(), *model.buffers()]),
        gradients_bytes=_bytes(trainable),
        optimizer_bytes=_optimizer_bytes(config, model),
    )


def _optimizer_bytes(config: Config, model: nn.Module) -> int | None:
    section = {**config.optimizer, **({"fused": False} if "fused" in config.optimizer else {})}
    optimizer = make_optimizer(section, model.parameters())
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
    with contextlib.suppress(NotImplementedError, RuntimeError, TypeError):
        optimizer.step()
        values = [value for state in optimizer.state.values() for value in state.values()]
        return _bytes([value for value in values if isinstance(value, torch.Tensor)])
    return None


def _bytes(tensors: list[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
