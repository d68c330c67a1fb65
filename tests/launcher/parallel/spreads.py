"""A model of one process, as the rooms that train see it, without an Accelerator."""

from __future__ import annotations

import torch
from torch import nn

from launcher.parallel.axes import Axes
from launcher.parallel.mesh import Mesh
from launcher.parallel.model_plan import ModelPlan
from launcher.parallel.routing import Balance
from launcher.parallel.spread import Spread
from launcher.parallel.whole import WholeModel


def spread(module: nn.Module) -> Spread:
    """The model and what belongs to it; it does not take steps."""
    mesh = Mesh(axes=Axes(), rank=0, device=torch.device("cpu"))
    return WholeModel(
        None,  # type: ignore[arg-type]
        module,
        mesh=mesh,
        whole=module,
        parts=[module],
        num_parameters=0,
        positions=None,
        splits_logits=False,
        balance=Balance(module, [module], ModelPlan(), mesh),
        notes=[],
    )
