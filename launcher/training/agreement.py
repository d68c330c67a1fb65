"""What all processes do together between two steps: they talk about it now and then, not at every step."""

from __future__ import annotations

import time
from typing import NamedTuple

import torch
import torch.distributed as dist

INTERVAL_S = 0.5
"""A small all-reduce takes up to 0.2 ms: so often it costs nothing that could be measured."""

MAX_STEPS = 100
"""The steps to come may be slower than those that were measured."""


class Asked(NamedTuple):
    """The same on every process."""

    signum: int  # the signal to leave on, or 0
    save: bool  # a checkpoint is due
    busy: bool  # some process is still writing the last one


class Agreement:
    """Counts down to the step after which all processes speak next; it is the same step everywhere.

    The group is one of the host's memory (gloo), which no other thread uses; None stands for one process alone.
    """

    def __init__(self, group: dist.ProcessGroup | None, *, first_step: int) -> None:
        self._group = group
        self._last, self._next = first_step, first_step + 1
        self._time = time.monotonic()

    def is_due(self, done: int) -> bool:
        """Whether it is time to `ask` after so many steps."""
        return done >= self._next

    def ask(self, done: int, *, signum: int, save: bool, busy: bool) -> Asked:
        """Tell the others what this process knows, and hear what holds for all."""
        now = time.monotonic()
        step_s = (now - self._time) / max(done - self._last, 1)
        asked = Asked(signum, save, busy)
        if self._group is not None:
            values = torch.tensor([signum, save, busy, step_s], dtype=torch.float64)
            dist.all_reduce(values, op=dist.ReduceOp.MAX, group=self._group)
            highest, any_save, any_busy, step_s = values.tolist()
            asked = Asked(int(highest), bool(any_save), bool(any_busy))
            self._next = done + min(MAX_STEPS, max(1, int(INTERVAL_S / max(step_s, 1e-6))))
        else:
            self._next = done + 1  # it costs no message
        self._last, self._time = done, now
        return asked
