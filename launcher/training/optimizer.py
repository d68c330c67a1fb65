"""The optimizer over a model's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launcher.config.targets import build

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from launcher.config.schema import Targeted


def make_optimizer(section: Targeted, model: nn.Module) -> Optimizer:
    """Build `optimizer._target_` over the trainable parameters.

    A `weight_decay` applies to matrices only: shrinking a bias or the scale of a norm
    regularises nothing (Radford et al. 2019 train GPT-2 so).
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not section.get("weight_decay"):
        return build(section, parameters)
    groups: list[dict[str, Any]] = [
        {"params": [parameter for parameter in parameters if parameter.ndim >= 2]},
        {"params": [parameter for parameter in parameters if parameter.ndim < 2], "weight_decay": 0.0},
    ]
    return build(section, [group for group in groups if group["params"]])
