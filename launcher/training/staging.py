"""Where a checkpoint is copied to while the loop waits: host memory that is kept, and touched before it is needed."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

MAX_THREADS = 8
"""More do not copy faster: memory is the limit."""

Pair = tuple[Tensor, Tensor]


class Staging:
    """A copy of this process's tensors by name, in memory of the same shapes that is used again and again."""

    def __init__(self) -> None:
        self.rooms: dict[str, Tensor] = {}
        self._threads = min(MAX_THREADS, torch.get_num_threads())
        self._helpers = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="stage")

    def reserve(self, parts: Mapping[str, Tensor]) -> None:
        """Have room for these, all of it touched: a system hands out memory when it is first written, which is slow."""
        for name in self.rooms.keys() - parts.keys():
            del self.rooms[name]
        for name, part in parts.items():
            room = self.rooms.get(name)
            if room is None or room.shape != part.shape or room.dtype != part.dtype:
                self.rooms[name] = torch.empty(part.shape, dtype=part.dtype, pin_memory=part.is_cuda).zero_()

    def copy(self, parts: Mapping[str, Tensor]) -> None:
        """Copy all of these, and return when it is done."""
        self.reserve(parts)
        plain: list[Pair] = []
        for name, part in parts.items():
            if part.device.type == "cpu" and part.is_contiguous():
                plain.append((self.rooms[name], part))
            else:
                self.rooms[name].copy_(part, non_blocking=True)
        # The threads share one list, the largest first. Those of torch would meet after each tensor.
        todo = iter(sorted(plain, key=lambda pair: -pair[1].nbytes))
        others = [self._helpers.submit(_copy, todo) for _ in range(self._threads - 1)]
        _copy(todo)
        for other in others:
            other.result()
        if any(part.device.type != "cpu" for part in parts.values()):
            torch.accelerator.synchronize()


def _copy(todo: Iterator[Pair]) -> None:
    for room, part in todo:
        ctypes.memmove(room.data_ptr(), part.data_ptr(), part.nbytes)
