"""When steps begin: models that write down each call, the same clock for every loop that trains them."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median

from torch import Tensor

from models.gpt import GPT
from models.mlp import MLP
from tests.benchmarks.report import Cost

SKIPPED_STEPS = 5
"""At the beginning of a block: loaders start, caches fill."""

_calls: list[tuple[float, float]] = []


class TimedGPT(GPT):
    """A GPT that writes down when it is called."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """As `GPT.forward`."""
        _calls.append((time.perf_counter(), time.process_time()))
        return super().forward(input_ids, attention_mask)


class TimedMLP(MLP):
    """An MLP that writes down when it is called."""

    def forward(self, inputs: Tensor) -> Tensor:
        """As `MLP.forward`."""
        _calls.append((time.perf_counter(), time.process_time()))
        return super().forward(inputs)


def time_block(train: Callable[[int], None], num_steps: int) -> Cost:
    """Train so many steps: median wall seconds from one forward to the next, and mean CPU seconds of a step.

    The median leaves out what happens every few steps (a report, an epoch's end); the mean of CPU time has it in.
    """
    _calls.clear()
    train(num_steps + SKIPPED_STEPS)
    calls = _calls[SKIPPED_STEPS:]
    walls = [later[0] - earlier[0] for earlier, later in pairwise(calls)]
    return Cost(median(walls), (calls[-1][1] - calls[0][1]) / len(walls))
