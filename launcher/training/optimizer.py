"""The optimizer over a model's parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from torch.distributed.tensor import DTensor

from launcher.config.targets import build

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from launcher.config.schema import Targeted

SHARDED_FUSED = ("torch.optim.Adam", "torch.optim.AdamW")


def make_optimizer(section: Targeted, parameters: Iterable[nn.Parameter]) -> Optimizer:
    """Build `optimizer._target_` over the trainable parameters.

    A `weight_decay` applies to matrices only: shrinking a bias or the scale of a norm
    regularises nothing (Radford et al. 2019 train GPT-2 so). `fused` is left out where torch has no such step.
    """
    decays = bool(section.get("weight_decay"))
    groups: dict[Any, list[nn.Parameter]] = {}
    for parameter in parameters:
        if parameter.requires_grad:
            # A fused step takes tensors of one mesh.
            mesh = parameter.device_mesh if isinstance(parameter, DTensor) else None
            groups.setdefault((decays and parameter.ndim < 2, mesh), []).append(parameter)
    if section.get("fused") and not _has_fused(section, groups):
        section = {**section, "fused": False}
    if len(groups) == 1 and not decays:
        return build(section, next(iter(groups.values())))
    return build(
        section,
        [{"params": group, **({"weight_decay": 0.0} if spared else {})} for (spared, _), group in groups.items()],
    )


def _has_fused(section: Targeted, groups: Iterable[tuple[bool, Any]]) -> bool:
    """Whether torch has the fused step for these parameters: of sharded ones it knows Adam's alone."""
    return section["_target_"] in SHARDED_FUSED or all(mesh is None for _, mesh in groups)
