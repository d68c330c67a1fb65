"""Collectives through which gradients flow back the other way."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def all_gather(x: Tensor, group: dist.ProcessGroup) -> Tensor:
    """(...) of each process -> (processes, ...); gradients are summed over processes."""
    gathered: Tensor = _AllGather.apply(x, group)
    return gathered


def all_to_all(x: Tensor, group: dist.ProcessGroup, *, sent: list[int], received: list[int]) -> Tensor:
    """Rows (sum(sent), ...), `sent[i]` of them for process i -> (sum(received), ...), `received[i]` from it."""
    exchanged: Tensor = _AllToAll.apply(x, group, sent, received)
    return exchanged


class _AllGather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, group: dist.ProcessGroup) -> Tensor:
        ctx.group = group
        gathered = x.new_empty(dist.get_world_size(group), *x.shape)
        dist.all_gather(list(gathered.unbind()), x.contiguous(), group=group)
        return gathered

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        summed = gradients[0].new_empty(gradients[0].shape[1:])
        dist.reduce_scatter(summed, list(gradients[0].contiguous().unbind()), group=ctx.group)
        return summed, None


class _AllToAll(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, group: dist.ProcessGroup, sent: list[int], received: list[int]) -> Tensor:
        ctx.group, ctx.sent, ctx.received = group, sent, received
        exchanged = x.new_empty(sum(received), *x.shape[1:])
        dist.all_to_all_single(exchanged, x.contiguous(), received, sent, group=group)
        return exchanged

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        back = gradients[0].new_empty(sum(ctx.sent), *gradients[0].shape[1:])
        dist.all_to_all_single(back, gradients[0].contiguous(), ctx.sent, ctx.received, group=ctx.group)
        return back, None, None, None
