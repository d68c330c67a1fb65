"""The learning rate as a pure function of the step; it has no state, so a resumed run needs none."""

from __future__ import annotations

import math
from collections.abc import Callable

from launcher.config.schema import SchedulerConfig

Schedule = Callable[[int], float]


def make_schedule(config: SchedulerConfig, *, num_steps: int) -> Schedule:
    """A function from the step (0-based) to the fraction of `optimizer.lr` that it uses.

    All rise linearly over the warmup; then `constant` stays, `linear` and `cosine` fall to `final_fraction` at the
    last step, and `warmup_stable_decay` (Hu et al. 2024) stays until the last `decay_fraction` of all steps.
    """
    warmup_steps = round(config.warmup_fraction * num_steps)
    decay_steps = round(config.decay_fraction * num_steps)
    if num_steps == 1:
        return lambda step: 1.0  # the last step is also the first: it must learn something
    shapes: dict[str, Callable[[float], float]] = {
        "constant": lambda _: 1.0,
        "linear": lambda progress: 1.0 - progress,
        "cosine": lambda progress: 0.5 * (1.0 + math.cos(math.pi * progress)),
        "warmup_stable_decay": lambda progress: 1.0 - progress,
    }
    shape = shapes[config.name]
    fall_start = num_steps - decay_steps if config.name == "warmup_stable_decay" else warmup_steps
    fall_steps = max(1, num_steps - fall_start)

    def fraction(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        progress = min(1.0, max(0.0, (step + 1 - fall_start) / fall_steps))
        return config.final_fraction + (1.0 - config.final_fraction) * shape(progress)

    return fraction
