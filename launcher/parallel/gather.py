"""Whole tensors of a spread model, one at a time, on process 0."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from launcher.parallel.mesh import Mesh
from launcher.parallel.tying import shared_parameters


def names_and_values(whole: nn.Module) -> dict[str, Any]:
    """Parameters and saved buffers by name, each once."""
    again = {name for names in shared_parameters(whole) for name in names[1:]}
    return {name: value for name, value in whole.state_dict(keep_vars=True).items() if name not in again}


def whole_tensors(
    mesh: Mesh, whole: nn.Module, parts: list[nn.Module], *, gradients: bool
) -> Iterator[tuple[str, Tensor | None]]:
    """Name and whole value of each tensor of the model, in its order; the value is None but on process 0.

    Every process must run through it. Tensors of other pipeline stages are on the meta device in `whole` and are
    sent by the first process of the stage that has them.
    """
    everything = names_and_values(whole)
    mine = {name for part in parts for name in part.state_dict()}
    owners = _owners(mesh, list(everything), mine)
    for name, value in everything.items():
        if gradients and not isinstance(value, nn.Parameter):
            continue
        owner = owners[name]
        if owner == mesh.index("pp"):
            tensor = _whole(value, gradients=gradients)
            if mesh.rank == owner * (mesh.axes.num_processes // mesh.axes.pp) and mesh.rank != 0:
                dist.send(tensor.contiguous(), dst=0)
        elif mesh.rank == 0:
            tensor = torch.empty(value.shape, dtype=value.dtype, device=mesh.device)
            dist.recv(tensor, src=owner * (mesh.axes.num_processes // mesh.axes.pp))
        yield name, tensor if mesh.rank == 0 else None


def _whole(value: Any, *, gradients: bool) -> Tensor:
    tensor = value.detach()
    if gradients:
        tensor = torch.zeros_like(tensor) if value.grad is None else value.grad
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def _owners(mesh: Mesh, names: list[str], mine: set[str]) -> dict[str, int]:
    """The place in the pipeline of the process that has each tensor; the lowest where several do."""
    if mesh.axes.pp == 1:
        return dict.fromkeys(names, 0)
    have = torch.tensor([name in mine for name in names], dtype=torch.int32, device=mesh.device)
    rows = [torch.empty_like(have) for _ in range(mesh.axes.pp)]
    dist.all_gather(rows, have, group=mesh.group("pp"))
    return {name: int(torch.stack(rows)[:, place].argmax()) for place, name in enumerate(names)}
