"""A spread model and its optimizer as named tensors, whose names are the same on every mesh.

model/<parameter or buffer>
optimizer/<parameter>/<key of the optimizer's state>
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, Placement, Replicate, Shard
from torch.distributed.tensor.placement_types import _StridedShard
from torch.optim import Optimizer

from launcher.errors import EngineError
from launcher.parallel.mesh import Mesh
from launcher.parallel.spread import Spread

MODEL, OPTIMIZER = "model/", "optimizer/"


def model_state(model: Spread) -> dict[str, Tensor]:
    """What this process holds of the model: sharded tensors as DTensors, others whole."""
    mine = {name for part in model.parts for name in part.state_dict()}
    return {f"{MODEL}{name}": value for name, value in model.layout().items() if name in mine}


def optimizer_state(model: Spread, optimizer: Optimizer) -> dict[str, Tensor]:
    """The optimizer's state of the parameters that this process holds; plain numbers become tensors of shape ().

    Raises:
        EngineError: the optimizer keeps something of a sharded parameter that does not say how it is sharded.
    """
    state = {}
    for name, parameter, values in _states(model, optimizer):
        for key, value in values.items():
            if value is None:
                continue
            if not isinstance(value, Tensor):
                value = torch.tensor(value, dtype=torch.float64)
            if value.ndim and isinstance(parameter, DTensor) and not isinstance(value, DTensor):
                raise EngineError(
                    f"{type(optimizer).__name__} keeps {key} of the sharded {name} as a plain tensor, which can't be "
                    "put into a checkpoint; use checkpoint=none, or strategy=ddp"
                )
            state[f"{OPTIMIZER}{name}/{key}"] = value
    return state


def fill_optimizer_state(optimizer: Optimizer) -> None:
    """Make the optimizer allocate its state, as its first step does, so that there is something to load into.

    Parameters keep their values only if the caller loads them afterwards.
    """
    # Accelerate's wrapper would step by its gradient scaler, which has no scale before the first loss.
    stepper: Optimizer = getattr(optimizer, "optimizer", optimizer)
    rates = [group["lr"] for group in stepper.param_groups]
    for group in stepper.param_groups:
        group["lr"] = 0.0
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    stepper.step()
    stepper.zero_grad()
    for group, rate in zip(stepper.param_groups, rates, strict=True):
        group["lr"] = rate


def take_optimizer_state(model: Spread, optimizer: Optimizer, loaded: dict[str, Tensor], names: set[str]) -> None:
    """Put loaded numbers back into the optimizer, and forget the state of what is not among `names`.

    A parameter that never had a gradient has no state, and gets none.
    """
    for name, parameter, values in _states(model, optimizer):
        for key in list(values):
            full = f"{OPTIMIZER}{name}/{key}"
            if full not in names:
                del values[key]
            elif not isinstance(values[key], Tensor):
                values[key] = type(values[key])(loaded[full].item())
        if not values:
            del optimizer.state[parameter]


def in_single_blocks(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same, but tensors of which a process holds several blocks, as of packed experts, are put together.

    A checkpoint knows one block a process. Every process of such a tensor must call it.
    """
    return {name: _in_one_block(value) for name, value in state.items()}


def take_blocks(state: dict[str, Tensor], put_together: dict[str, Tensor]) -> None:
    """Copy what `in_single_blocks` put together back into the parts that processes hold."""
    for name, value in state.items():
        whole = put_together[name]
        if whole is not value and isinstance(value, DTensor) and isinstance(whole, DTensor):
            local_part(value).copy_(whole.redistribute(placements=value.placements).to_local())


def own_share(tensors: Mapping[str, Tensor], mesh: Mesh) -> dict[str, Tensor]:
    """What this process is to write: of what all processes of a pipeline stage hold whole, each takes a share.

    Buffers that are not sharded may differ between processes (running statistics of a batch): those of the first
    process of the stage count, as everywhere else. A parameter's optimizer state goes with it.
    """
    holders = _holders(mesh)
    loads, others = [0] * holders, set()
    for name, value in tensors.items():
        if not name.startswith(MODEL) or isinstance(value, DTensor):
            continue
        owner = loads.index(min(loads)) if isinstance(value, nn.Parameter) else 0
        loads[owner] += value.nbytes
        if owner != mesh.rank % holders:
            others.add(name.removeprefix(MODEL))
    return {name: value for name, value in tensors.items() if _parameter(name) not in others}


def bytes_to_write(share: Mapping[str, Tensor], mesh: Mesh) -> float:
    """What a process's own share adds to a checkpoint; those that hold the same shard divide it among them."""
    return sum(local_part(value).nbytes / _copies(value, mesh) for value in share.values())


def _copies(value: Tensor, mesh: Mesh) -> float:
    if not isinstance(value, DTensor):
        return 1.0
    sharded = (dim for dim, placement in enumerate(value.placements) if not placement.is_replicate())
    return _holders(mesh) / math.prod(value.device_mesh.size(dim) for dim in sharded)


def _holders(mesh: Mesh) -> int:
    """Processes of one pipeline stage."""
    return mesh.axes.num_processes // mesh.axes.pp


def _parameter(name: str) -> str:
    if name.startswith(OPTIMIZER):
        return name.removeprefix(OPTIMIZER).rpartition("/")[0]
    return name.removeprefix(MODEL)


def _in_one_block(value: Tensor) -> Tensor:
    if not isinstance(value, DTensor) or (placements := _unpacked(value)) == list(value.placements):
        return value
    return value.redistribute(placements=placements)


def _unpacked(value: DTensor) -> list[Placement]:
    """Strided shards come of two axes that shard one dim; one that stands alone is of blocks packed side by side."""
    dims = [placement.dim for placement in value.placements if isinstance(placement, (Shard, _StridedShard))]
    return [
        Replicate() if isinstance(placement, _StridedShard) and dims.count(placement.dim) == 1 else placement
        for placement in value.placements
    ]


def local_part(value: Tensor) -> Tensor:
    """What this process holds of a tensor, without its history."""
    value = value.detach()
    return value.to_local() if isinstance(value, DTensor) else value


def _states(model: Spread, optimizer: Optimizer) -> Iterator[tuple[str, Tensor, dict[str, Any]]]:
    """Name, parameter and state of each parameter of this process that the optimizer has state of."""
    own = {id(parameter) for parameter in model.parameters}
    for name, value in model.layout().items():
        if id(value) in own and value in optimizer.state:
            yield name, value, optimizer.state[value]
