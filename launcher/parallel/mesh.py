"""The device mesh: which part of the batch, the model and the sequence this process has, and with whom it talks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from launcher.parallel.axes import Axes


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """This process's place. The meshes are None where every process holds the whole model.

    Ranks count through (pp, dp_replicate, dp_shard, cp, tp), the last fastest. A parameter's shards lie along the axis
    `fsdp`, which is dp_shard and cp together: both hold different gradients of the same parameter.
    """

    axes: Axes
    rank: int
    device: torch.device
    last: int = 0  # the position along `pp` of the process that holds the last stage
    roles: DeviceMesh | None = None  # (pp, data, cp, tp): who shares samples, sequence, matrices
    dense: DeviceMesh | None = None  # (pp, dp_replicate, fsdp, tp): where ordinary parameters lie
    sparse: DeviceMesh | None = None  # (pp, dp_replicate, fsdp_of_experts, ep, tp): where experts lie, if ep > 1

    def index(self, axis: str) -> int:
        """This process's position along `pp`, `data`, `cp` or `tp`."""
        axes, rank = self.axes, self.rank
        sizes = {"tp": axes.tp, "cp": axes.cp, "data": axes.num_data, "pp": axes.pp}
        for name, size in sizes.items():
            if name == axis:
                return rank % size
            rank //= size
        raise KeyError(axis)

    def group(self, axis: str) -> dist.ProcessGroup | None:
        """The processes along `pp`, `data`, `cp` or `tp`; None stands for all processes."""
        return None if self.roles is None else self.roles.get_group(axis)

    @property
    def counts(self) -> bool:
        """Whether the loss of this process is counted: it holds the last stage, and no other holds the same loss."""
        return self.index("tp") == 0 and self.index("pp") == self.last

    @property
    def counts_terms(self) -> bool:
        """Whether the terms of this process's samples are counted: once for each sample, whatever is split."""
        return self.counts and self.index("cp") == 0

    @property
    def shards(self) -> DeviceMesh:
        """Where parameters are sharded: 1-D, or 2-D with copies of the shards first."""
        assert self.dense is not None
        return self.dense["fsdp"] if self.axes.dp_replicate == 1 else self.dense["dp_replicate", "fsdp"]

    @property
    def expert_shards(self) -> DeviceMesh:
        """Where what experts a process has are sharded further."""
        assert self.sparse is not None
        if self.axes.dp_replicate == 1:
            return self.sparse["fsdp_of_experts"]
        return self.sparse["dp_replicate", "fsdp_of_experts"]


def make_mesh(axes: Axes, *, rank: int, device: torch.device, last: int = 0) -> Mesh:
    """Make the process groups that the axes need; every process must call it."""
    if axes.only_replicates:
        return Mesh(axes=axes, rank=rank, device=device)
    kind, copies, shards = device.type, axes.dp_replicate, axes.num_shards
    roles = init_device_mesh(
        kind, (axes.pp, axes.num_data, axes.cp, axes.tp), mesh_dim_names=("pp", "data", "cp", "tp")
    )
    dense = init_device_mesh(
        kind, (axes.pp, copies, shards, axes.tp), mesh_dim_names=("pp", "dp_replicate", "fsdp", "tp")
    )
    sparse = None
    if axes.ep > 1:
        sparse = init_device_mesh(
            kind,
            (axes.pp, copies, shards // axes.ep, axes.ep, axes.tp),
            mesh_dim_names=("pp", "dp_replicate", "fsdp_of_experts", "ep", "tp"),
        )
    return Mesh(axes=axes, rank=rank, device=device, last=last, roles=roles, dense=dense, sparse=sparse)
