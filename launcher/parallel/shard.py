"""Sharding of parameters, gradients and optimizer state (ZeRO 3, Rajbhandari et al. 2020) with torch's fully_shard."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.distributed.fsdp import CPUOffloadPolicy, FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, Shard

from launcher.config.schema import StrategyConfig
from launcher.parallel.mesh import Mesh
from launcher.parallel.model_plan import ModelPlan, matching

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def shard(
    model: nn.Module,
    mesh: Mesh,
    plan: ModelPlan,
    strategy: StrategyConfig,
    *,
    precision: str,
    gives_logits: bool = True,
) -> None:
    """Shard each block, and what is left as one, over the mesh's shards; copies of the shards are kept equal.

    `gives_logits` is False for a pipeline stage that passes hidden states on.
    """
    reshard = strategy.reshard_after_forward
    options: dict[str, Any] = {"reshard_after_forward": mesh.axes.pp == 1 if reshard == "auto" else reshard}
    if strategy.cpu_offload:
        options["offload_policy"] = CPUOffloadPolicy(pin_memory=mesh.device.type == "cuda")
    param_dtype = DTYPES[precision]
    reduce_dtype = DTYPES[strategy.reduce_dtype] if precision != "fp32" else torch.float32
    inner = MixedPrecisionPolicy(param_dtype=param_dtype, reduce_dtype=reduce_dtype)
    # Losses are computed in float32 whatever the model computes in.
    outer = MixedPrecisionPolicy(
        param_dtype=param_dtype, reduce_dtype=reduce_dtype, output_dtype=torch.float32 if gives_logits else None
    )
    if mesh.axes.ep > 1 and plan.experts is not None:
        for _, experts in matching(model, plan.experts):
            fully_shard(
                experts, mesh=mesh.expert_shards, mp_policy=inner, shard_placement_fn=_free_dim(mesh), **options
            )
    for name in plan.block_names(model):
        fully_shard(model.get_submodule(name), mesh=mesh.shards, mp_policy=inner, **options)
    # The output layer is used last and first again: freeing it between would only gather it twice.
    options["reshard_after_forward"] = False if reshard == "auto" else reshard
    fully_shard(model, mesh=mesh.shards, mp_policy=outer, **options)


def _free_dim(mesh: Mesh) -> Any:
    """Shard stacked experts along the first dim that nothing else shards and that divides."""
    assert mesh.sparse is not None
    size = mesh.sparse["fsdp_of_experts"].size()

    def placement(parameter: nn.Parameter) -> Shard | None:
        if size == 1 or not isinstance(parameter, DTensor):
            return None
        taken = {p.dim for p in parameter.placements if isinstance(p, Shard)}
        free = [dim for dim in range(parameter.ndim) if dim not in taken and parameter.shape[dim] % size == 0]
        return Shard(free[0]) if free else None

    return placement


def synchronize_gradients(model: nn.Module, *, is_last: bool) -> None:
    """Reduce gradients in this backward pass, or only add them up on each process."""
    if isinstance(model, FSDPModule):
        model.set_requires_gradient_sync(is_last)
