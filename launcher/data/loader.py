"""Batches for one rank, gathered from memory-mapped columns in the one global order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from launcher.data.order import Int64, deal, epoch_order, sample_noise

if TYPE_CHECKING:
    from torch import Tensor


class Rows(Protocol):
    """Columns of a split that rows can be gathered from."""

    def __len__(self) -> int: ...
    def gather(self, indices: Int64) -> dict[str, NDArray]: ...


@dataclass(slots=True)
class Batch:
    """A micro batch: columns as tensors, and what names its samples.

    `weight` is 0.0 for a stand-in that keeps the ranks in step when there are fewer samples than ranks; its loss
    counts nothing.
    """

    columns: dict[str, Tensor]
    sample_ids: Int64
    seed: int
    epoch: int
    weight: float

    def __len__(self) -> int:
        return len(self.sample_ids)

    def noise(self, width: int) -> Tensor:
        """Uniform (samples, width) numbers that belong to these samples in this epoch, on any rank."""
        drawn = sample_noise(self.sample_ids, width, seed=self.seed, epoch=self.epoch)
        return torch.from_numpy(drawn).to(next(iter(self.columns.values())).device)


@dataclass(slots=True)
class Step:
    """What one rank does in one optimizer step."""

    index: int  # of the step, from 0
    epoch: int
    num_samples: int  # over all ranks
    num_seen: int  # over all ranks and all steps to the end of this one
    batches: list[Batch]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Which part of each global batch this process takes."""

    global_batch_size: int
    micro_batch_size: int
    rank: int
    num_ranks: int
    seed: int
    device: torch.device


def steps_per_epoch(num_samples: int, global_batch_size: int) -> int:
    """Steps that see every sample once; the last may be smaller."""
    return -(-num_samples // global_batch_size)


def training_steps(rows: Rows, share: Share, *, first: int, last: int) -> Iterator[Step]:
    """Steps `first` to `last - 1`, epoch after epoch; the position is a function of the step number alone."""
    per_epoch = steps_per_epoch(len(rows), share.global_batch_size)
    order, epoch = np.empty(0, dtype=np.int64), -1
    for index in range(first, last):
        if index // per_epoch != epoch:
            epoch = index // per_epoch
            order = epoch_order(len(rows), seed=share.seed, epoch=epoch)
        start = (index % per_epoch) * share.global_batch_size
        chosen = order[start : start + share.global_batch_size]
        seen = epoch * len(rows) + start + len(chosen)
        yield Step(index, epoch, len(chosen), seen, _batches(rows, share, chosen, epoch=epoch))


def evaluation_batches(rows: Rows, share: Share, *, max_samples: int | None) -> Iterator[Batch]:
    """This rank's batches of the first `max_samples` rows; every rank gets the same number of batches."""
    count = len(rows) if max_samples is None else min(max_samples, len(rows))
    for start in range(0, count, share.global_batch_size):
        chosen = np.arange(start, min(start + share.global_batch_size, count))
        yield from _batches(rows, share, chosen, epoch=0)


def _batches(rows: Rows, share: Share, chosen: Int64, *, epoch: int) -> list[Batch]:
    parts = deal(chosen, micro_batch_size=share.micro_batch_size, rank=share.rank, num_ranks=share.num_ranks)
    return [_batch(rows, share, part, stand_in=chosen[:1], epoch=epoch) for part in parts]


def _batch(rows: Rows, share: Share, part: Int64, *, stand_in: Int64, epoch: int) -> Batch:
    ids = part if len(part) else stand_in
    columns = {name: torch.from_numpy(array) for name, array in rows.gather(ids).items()}
    if share.device.type != "cpu":
        columns = {name: column.to(share.device, non_blocking=True) for name, column in columns.items()}
    return Batch(columns, ids, share.seed, epoch, 1.0 if len(part) else 0.0)
