"""Expert parallelism: each process keeps some of the experts, and tokens travel to them and back.

Legend: M tokens on this process, R tokens that this process's experts get, E experts, D width.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import Placement, Replicate, Shard, distribute_tensor

from launcher.parallel.collectives import all_to_all
from launcher.parallel.mesh import Mesh
from launcher.parallel.model_plan import ModelPlan, matching
from launcher.parallel.tensor import expert_placement, sum_partial_outputs, use_local_weights


def apply_expert_parallel(model: nn.Module, mesh: Mesh, plan: ModelPlan) -> None:
    """Shard stacked expert weights along their first dim (and over tp as the plan says) and route tokens."""
    assert mesh.sparse is not None
    assert plan.experts is not None
    both = mesh.sparse["ep", "tp"] if mesh.axes.tp > 1 else mesh.sparse["ep"]
    dims = plan.tensor.get(plan.experts, {})
    for _, module in matching(model, plan.experts):
        for name, weight in list(module.named_parameters(recurse=False)):
            placements: list[Placement] = [Shard(0)]
            if mesh.axes.tp > 1:
                placements.append(expert_placement(dims[name]) if name in dims else Replicate())  # type: ignore[index]
            module.register_parameter(name, nn.Parameter(distribute_tensor(weight.data, both, placements)))
        # Tokens travel first: hooks before a forward run in this order, those after it in theirs.
        use_local_weights(module)
        travel = Travel(mesh.sparse["ep"])
        module.register_forward_pre_hook(travel.there)
        if mesh.axes.tp > 1:
            sum_partial_outputs(module, mesh.sparse["tp"])
        module.register_forward_hook(travel.back)


class Travel:
    """The way of the tokens of one layer, there and back by two all-to-alls (GShard, Lepikhin et al. 2020)."""

    def __init__(self, mesh: DeviceMesh) -> None:
        self._group, self._size = mesh.get_group(), mesh.size()

    def there(self, _: nn.Module, args: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Tokens (M, D) sorted by expert and counts (E,) -> (R, D) sorted by expert, counts (E / ep,)."""
        x, counts = args
        arriving = torch.empty_like(counts)
        dist.all_to_all_single(arriving, counts, group=self._group)
        local = counts.numel() // self._size
        sent = counts.view(self._size, local).sum(1).tolist()
        received = arriving.view(self._size, local).sum(1).tolist()
        # Gradients of all processes' tokens meet here, while other parameters get a mean over the processes.
        x = _ScaleGradient.apply(x, float(self._size))
        x = all_to_all(x, self._group, sent=sent, received=received)
        experts = torch.arange(local, device=x.device).repeat(self._size)
        order = torch.repeat_interleave(experts, arriving).argsort(stable=True)
        self._routes = (sent, received, order)
        return x[order], arriving.view(self._size, local).sum(0)

    def back(self, _: nn.Module, __: Any, y: Tensor) -> Tensor:
        """(R, D) -> (M, D), each token where it came from."""
        sent, received, order = self._routes
        y = torch.empty_like(y).index_copy(0, order, y)
        y = all_to_all(y, self._group, sent=received, received=sent)
        return _ScaleGradient.apply(y, 1.0 / self._size)


class _ScaleGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * ctx.factor, None
