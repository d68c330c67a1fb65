"""When steps begin: models that write down each call, the same clock for every loop that trains them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from statistics import fmean, median

from torch import Tensor

from models.gpt import GPT
from models.mlp import MLP
from tests.benchmarks.report import Cost

SKIPPED_STEPS = 3
"""At the beginning of a block: loaders start, caches fill."""

Steps = list[tuple[float, float]]
"""Wall and CPU seconds from one forward to the next."""

_calls: Steps = []


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


def record(train: Callable[[int], None], num_steps: int) -> Steps:
    """Train a block in which so many steps are timed."""
    _calls.clear()
    train(num_steps + SKIPPED_STEPS + 1)
    return [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(_calls[SKIPPED_STEPS:])]


def measure_in_turns(blocks: Mapping[str, Callable[[], Steps]], *, turns: int) -> dict[str, Cost]:
    """One measurement of each loop, out of short blocks that take turns: a slow moment of the machine hits all alike.

    A cost is the median wall time of a step, which leaves out what happens every few steps (a report, an epoch's
    end), and the mean of its CPU time, which has it in.
    """
    steps: dict[str, Steps] = {name: [] for name in blocks}
    for turn in range(turns):
        for name in list(blocks)[:: 1 if turn % 2 == 0 else -1]:
            steps[name] += blocks[name]()
    return {
        name: Cost(median(wall for wall, _ in taken), fmean(cpu for _, cpu in taken)) for name, taken in steps.items()
    }
