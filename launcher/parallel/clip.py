"""The norm of the whole gradient, wherever its parts lie (Pascanu et al. 2013 for clipping)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Replicate


class GradientNorm:
    """Sums squares of local gradients once, over exactly those processes that hold other parts.

    A gradient that is replicated along a mesh dim counts once, a sharded one is summed over the dim, and pipeline
    stages hold different parameters. `parameters` and their layouts do not change.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], *, device: torch.device, stages: dist.ProcessGroup | None
    ) -> None:
        parameters = list(parameters)
        laid_out: list[nn.Parameter] = [parameter for parameter in parameters if isinstance(parameter, DTensor)]
        self._replicated = [parameter for parameter in laid_out if not _sharded_over(parameter)]
        self._all_here = parameters if not laid_out and stages is None else None
        groups: dict[tuple[dist.ProcessGroup, ...], list[nn.Parameter]] = {}
        for parameter in parameters:
            groups.setdefault(_sharded_over(parameter), []).append(parameter)
        self._groups = list(groups.items())
        self._device, self._stages = device, stages

    def clip(self, limit: float | None) -> Tensor:
        """The norm before clipping, of shape (); gradients are scaled down to `limit` if there is one."""
        if self._all_here is not None and limit is not None:
            return nn.utils.clip_grad_norm_(self._all_here, limit)
        sum_partial(self._replicated)
        squares = []
        local_gradients: list[Tensor] = []
        for processes, parameters in self._groups:
            gradients = [_local(p.grad) for p in parameters if p.grad is not None]
            local_gradients += gradients
            # Offloaded gradients lie in the host's memory, but processes talk through their devices.
            square = nn.utils.get_total_norm(gradients).square().to(self._device)
            for group in processes:
                dist.all_reduce(square, group=group)
            squares.append(square)
        total = torch.stack(squares).sum() if len(squares) > 1 else squares[0]
        if self._stages is not None:
            dist.all_reduce(total, group=self._stages)
        norm = total.sqrt()
        if limit is not None:
            # As torch's clip_grad_norm_ does, so that one process gives the same numbers.
            factor = (limit / (norm + 1e-6)).clamp(max=1.0)
            torch._foreach_mul_(local_gradients, factor.to(local_gradients[0].device))
        return norm


def keep_own_parts(parameters: Iterable[nn.Parameter]) -> None:
    """Lay each gradient out as its parameter as soon as it is there, where nothing else does."""
    for parameter in parameters:
        if _sharded_over(parameter):
            parameter.register_post_accumulate_grad_hook(_keep_own_part)


def _keep_own_part(parameter: Tensor) -> None:
    """Drop what other processes hold of a gradient that came out whole (of an embedding whose rows are sharded)."""
    gradient = parameter.grad
    assert isinstance(parameter, DTensor)
    if isinstance(gradient, DTensor) and gradient.placements != parameter.placements:
        parameter.grad = gradient.redistribute(placements=parameter.placements)


def sum_partial(parameters: list[nn.Parameter]) -> None:
    """Finish gradients of replicated parameters of which each process has a part (norms of a split sequence)."""
    partial: dict[DeviceMesh, list[nn.Parameter]] = {}
    for parameter in parameters:
        gradient = parameter.grad
        if isinstance(gradient, DTensor) and any(placement.is_partial() for placement in gradient.placements):
            partial.setdefault(gradient.device_mesh, []).append(parameter)
    for mesh, group in partial.items():
        locals_ = [_local(parameter.grad) for parameter in group if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in locals_])
        dist.all_reduce(flat, group=mesh.get_group())
        for parameter, summed in zip(group, flat.split([gradient.numel() for gradient in locals_]), strict=True):
            whole = summed.view(parameter.shape)
            parameter.grad = DTensor.from_local(whole, mesh, [Replicate()] * mesh.ndim, run_check=False)


def _sharded_over(parameter: nn.Parameter) -> tuple[dist.ProcessGroup, ...]:
    if not isinstance(parameter, DTensor):
        return ()
    mesh = parameter.device_mesh
    sharded = [dim for dim, placement in enumerate(parameter.placements) if not placement.is_replicate()]
    return tuple(mesh.get_group(dim) for dim in sharded if mesh.size(dim) > 1)


def _local(gradient: Tensor) -> Tensor:
    return gradient.to_local() if isinstance(gradient, DTensor) else gradient
