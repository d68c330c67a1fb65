"""When steps end: a hook on every optimizer, the same clock for every loop, however often it calls the model."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from statistics import fmean, median

from torch.optim.optimizer import register_optimizer_step_post_hook

from tests.benchmarks.report import Cost

SKIPPED_STEPS = 3
"""At the beginning of a block: loaders start, caches fill."""

Steps = list[tuple[float, float]]
"""Wall and CPU seconds from one optimizer step to the next."""


def record(train: Callable[[int], None], num_steps: int) -> Steps:
    """Train a block in which so many steps are timed."""
    ends: Steps = []
    hook = register_optimizer_step_post_hook(lambda *_: ends.append((time.perf_counter(), time.process_time())))
    train(num_steps + SKIPPED_STEPS + 1)
    hook.remove()
    return [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(ends[SKIPPED_STEPS:])]


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
