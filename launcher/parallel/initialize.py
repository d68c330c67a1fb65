"""Weights that one process would draw, on processes that each hold a part of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils._python_dispatch import TorchDispatchMode

from launcher.errors import RequestError

_RANDOM = {
    torch.ops.aten.normal_.default,
    torch.ops.aten.uniform_.default,
    torch.ops.aten.bernoulli_.float,
    torch.ops.aten.exponential_.default,
    torch.ops.aten.random_.default,
}


class DrawnAsOne(TorchDispatchMode):
    """In-place random operations draw the whole tensor, one at a time, and keep this process's part.

    So a sharded tensor gets what one process would draw, and the draws for a tensor that lies on the meta device
    (another pipeline stage) are made and thrown away. Never is more than one whole tensor held.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self._device = device

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func not in _RANDOM or not (isinstance(args[0], DTensor) or args[0].is_meta):
            return func(*args, **kwargs)
        target = args[0]
        whole = torch.empty(target.shape, dtype=target.dtype, device=self._device)
        func(whole, *args[1:], **kwargs)
        if isinstance(target, DTensor):
            local = target.to_local()
            local.copy_(local_part(whole, target))
        return target


def local_part(whole: Tensor, like: DTensor) -> Tensor:
    """This process's part of a whole tensor that is laid out as `like`; no process talks."""
    return distribute_tensor(whole, like.device_mesh, like.placements, src_data_rank=None).to_local()


@torch.no_grad()
def initialize(whole: nn.Module, parts: list[nn.Module], *, seed: int, device: torch.device) -> None:
    """Fill the parts of a model that this process holds, from the seed alone.

    `whole` is the model with the modules of `parts` in their places; what belongs to others is on the meta device.

    Raises:
        RequestError: `reset_parameters` leaves a parameter as it was.
    """
    for part in parts:
        part.to_empty(device=device)
        for parameter in part.parameters():
            parameter.fill_(torch.nan)
    torch.manual_seed(seed)
    with DrawnAsOne(device):
        whole.reset_parameters()  # type: ignore[operator]
    for part in parts:
        for name, parameter in part.named_parameters():
            values = parameter.to_local() if isinstance(parameter, DTensor) else parameter
            if values.isnan().any():
                raise RequestError(
                    f"{type(whole).__name__}.reset_parameters() leaves {name} as it was; it must fill every parameter "
                    "and buffer, since the model is materialised before it is called"
                )
