"""What routed experts need from outside: weights of rows in the balance loss, and how evenly tokens were routed."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from launcher.parallel.mesh import Mesh
from launcher.parallel.model_plan import ModelPlan, matching


class Balance:
    """The modules of a model that balance experts; empty, and false, where it has none."""

    def __init__(self, whole: nn.Module, parts: list[nn.Module], plan: ModelPlan, mesh: Mesh) -> None:
        everywhere = matching(whole, plan.balanced) if plan.balanced is not None else []
        mine = {id(module) for part in parts for module in part.modules()}
        self._places = len(everywhere)
        self._num_experts = max((int(module.num_experts) for _, module in everywhere), default=0)  # type: ignore[arg-type]
        self._modules: list[tuple[int, Any]] = [
            (place, module) for place, (_, module) in enumerate(everywhere) if id(module) in mine
        ]
        self._mesh = mesh
        if mesh.axes.cp > 1:
            for _, module in self._modules:
                module.sum_over_sequence = self._sum_over_sequence

    def __bool__(self) -> bool:
        return bool(self._places)

    def set(self, weights: Tensor | None) -> None:
        """Weights (B,) of the rows of the next forward pass in the balance loss's gradient."""
        for _, module in self._modules:
            module.row_weights = weights

    def weigh(self, weight: float | Tensor, *, rows: int) -> None:
        """The same weight for each of the rows of the next forward pass."""
        if self._modules:
            value = torch.as_tensor(weight, dtype=torch.float32, device=self._mesh.device)
            self.set(value.expand(rows))

    def read(self) -> dict[str, float]:
        """How tokens were routed since the last call, over all processes; every process must call it.

        `moe/max_load` is the busiest expert's share over an even share, a mean over layers; `moe/idle_experts` is the
        fraction of experts without a token.
        """
        if not self._places:
            return {}
        counts = self._counted()
        shares = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
        return {
            "moe/max_load": (shares.max(dim=1).values * counts.shape[1]).mean().item(),
            "moe/idle_experts": (counts == 0).float().mean().item(),
        }

    def _counted(self) -> Tensor:
        counts = torch.zeros(self._places, self._num_experts, device=self._mesh.device)
        for place, module in self._modules:
            counts[place, : module.num_experts] = module.tokens_per_expert
            module.tokens_per_expert.zero_()
        if dist.is_initialized() and self._mesh.axes.num_processes > 1:
            dist.all_reduce(counts)
        return counts

    def _sum_over_sequence(self, counts: Tensor) -> Tensor:
        counts = counts.clone()
        dist.all_reduce(counts, group=self._mesh.group("cp"))
        return counts
