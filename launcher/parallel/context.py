"""Context parallelism: each process holds a part of every sequence, and attention sees all keys and values.

Legend: B batch, N query heads, K key/value heads, T time on one process, S time in all, H head dim.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.attention.bias import causal_lower_right

from launcher.parallel.collectives import all_gather, all_to_all
from launcher.parallel.model_plan import ModelPlan, matching


def positions(sequence: int, *, rank: int, size: int, balanced: bool) -> Tensor:
    """The positions (T,) of a process's part, ascending.

    Balanced, the sequence is cut into 2 * size parts of which a process takes one from each end (Llama 3, Dubey et
    al. 2024), because the work of causal attention grows with the position.
    """
    everything = torch.arange(sequence)
    if not balanced:
        return everything.chunk(size)[rank]
    parts = everything.chunk(2 * size)
    return torch.cat([parts[rank], parts[2 * size - 1 - rank]])


def split_sequence(model: nn.Module, plan: ModelPlan, mine: Tensor) -> None:
    """Let modules that take or give whole sequences take or give this process's positions `mine` (T,).

    Raises:
        ValueError: a tensor has another length than the sequence.
    """

    def split(x: Tensor) -> Tensor:
        return x.index_select(1, mine.to(x.device))

    def take(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (split(args[0]), *args[1:])

    for path in plan.context.get("split_inputs", ()):
        for _, module in matching(model, path):
            module.register_forward_pre_hook(take)
    for path in plan.context.get("split_outputs", ()):
        for _, module in matching(model, path):
            module.register_forward_hook(lambda _, __, y: split(y))


def split_position_buffers(model: nn.Module, plan: ModelPlan, mine: Tensor) -> None:
    """Keep the rows of this process's positions of buffers such as rotary tables (S, ...)."""
    for path in plan.context.get("position_buffers", ()):
        owner, _, name = path.rpartition(".")
        module = model.get_submodule(owner)
        buffer = getattr(module, name)
        setattr(module, name, buffer.index_select(0, mine.to(buffer.device)))


def replace_attention(
    model: nn.Module, plan: ModelPlan, *, group: dist.ProcessGroup, method: str, balanced: bool
) -> None:
    """Put attention over the whole sequence in the place of the modules that the plan names."""
    kinds = {"all_gather": AllGatherAttention, "ulysses": UlyssesAttention}
    for name, attend in matching(model, plan.context["attention"]):
        path, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(path), leaf, kinds[method](attend, group, balanced=balanced))


class AllGatherAttention(nn.Module):
    """Queries stay; keys and values of all processes are gathered, and their gradients scattered back."""

    def __init__(self, attend: nn.Module, group: dist.ProcessGroup, *, balanced: bool) -> None:
        super().__init__()
        self.attend, self._group = attend, group
        self._rank, self._size, self._balanced = dist.get_rank(group), dist.get_world_size(group), balanced

    def forward(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, N, T, H), (B, K, T, H) and a mask (B, 1, S, S) -> (B, N, T, H)."""
        order = sequence_order(k.shape[2] * self._size, self._size, balanced=self._balanced).to(k.device)
        k, v = (self._gathered(x).index_select(2, order) for x in (k, v))  # (B, K, S, H)
        pieces = q.chunk(2 if self._balanced else 1, dim=2)
        parts = 2 * self._size if self._balanced else self._size
        places = (self._rank, parts - 1 - self._rank) if self._balanced else (self._rank,)
        return torch.cat([self._piece(x, k, v, mask, at) for x, at in zip(pieces, places, strict=True)], dim=2)

    def _piece(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, place: int) -> Tensor:
        """Attention of the queries of one contiguous piece: keys after its end are never read."""
        start = place * q.shape[2]
        end = start + q.shape[2]
        if mask is None:
            visible: Any = causal_lower_right(q.shape[2], end)
            visible = visible._materialize(q.device) if q.device.type == "cpu" else visible
        else:
            visible = mask[:, :, start:end, :end]
        return self.attend(q, k[:, :, :end], v[:, :, :end], visible)

    def _gathered(self, x: Tensor) -> Tensor:
        return all_gather(x, self._group).movedim(0, 2).flatten(2, 3)


class UlyssesAttention(nn.Module):
    """Each process attends over the whole sequence for a part of the heads (Jacobs et al. 2023)."""

    def __init__(self, attend: nn.Module, group: dist.ProcessGroup, *, balanced: bool) -> None:
        super().__init__()
        self.attend, self._group = attend, group
        self._rank, self._size, self._balanced = dist.get_rank(group), dist.get_world_size(group), balanced

    def forward(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, N, T, H), (B, K, T, H) and a mask (B, 1, S, S) -> (B, N, T, H)."""
        order = sequence_order(q.shape[2] * self._size, self._size, balanced=self._balanced).to(q.device)
        q, k, v = (self._to_heads(x).index_select(2, order) for x in (q, k, v))  # (B, N / size, S, H)
        attended = self.attend(q, k, v, mask)
        return self._to_time(attended.index_select(2, order.argsort()))

    def _to_heads(self, x: Tensor) -> Tensor:
        B, N, T, H = x.shape
        sent = x.reshape(B, self._size, N // self._size, T, H).transpose(0, 1)  # one part of the heads for each
        received = self._exchanged(sent)  # one part of the time from each
        return received.permute(1, 2, 0, 3, 4).reshape(B, N // self._size, self._size * T, H)

    def _to_time(self, x: Tensor) -> Tensor:
        B, N, S, H = x.shape
        sent = x.reshape(B, N, self._size, S // self._size, H).permute(2, 0, 1, 3, 4)
        return self._exchanged(sent).transpose(0, 1).reshape(B, N * self._size, S // self._size, H)

    def _exchanged(self, x: Tensor) -> Tensor:
        even = [1] * self._size
        return all_to_all(x, self._group, sent=even, received=even)


def sequence_order(sequence: int, size: int, *, balanced: bool) -> Tensor:
    """Where each position (S,) stands once the parts of all processes are joined."""
    joined = torch.cat([positions(sequence, rank=rank, size=size, balanced=balanced) for rank in range(size)])
    return joined.argsort()
