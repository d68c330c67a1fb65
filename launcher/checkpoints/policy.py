"""Which checkpoints are kept."""

from __future__ import annotations

import math
from collections.abc import Sequence

from launcher.checkpoints.marker import Checkpoint
from launcher.config.schema import CheckpointConfig


def surplus(checkpoints: Sequence[Checkpoint], config: CheckpointConfig) -> list[Checkpoint]:
    """Those of the checkpoints (oldest first) that no rule keeps; the newest is never among them.

    Kept are the last `keep_last`, the `keep_best` by the metric, and those of every `keep_every_steps` for good. A
    marker that can't be read is kept by the first and the last rule only.
    """
    kept = {checkpoint.step for checkpoint in checkpoints[-config.keep_last :]}
    if config.keep_every_steps is not None:
        kept |= {checkpoint.step for checkpoint in checkpoints if checkpoint.step % config.keep_every_steps == 0}
    kept |= set(best_steps(checkpoints, config))
    return [checkpoint for checkpoint in checkpoints if checkpoint.step not in kept]


def best_steps(checkpoints: Sequence[Checkpoint], config: CheckpointConfig) -> list[int]:
    """Steps of the `keep_best` best checkpoints that were taken right after an evaluation, best first.

    Of equals the earlier is better.
    """
    if config.keep_best == 0:
        return []
    values = {}
    for checkpoint in checkpoints:
        try:
            value = checkpoint.read()["metrics"].get(config.metric)
        except ValueError:
            continue
        if value is not None and not math.isnan(value):
            values[checkpoint.step] = value
    sign = 1.0 if config.direction == "min" else -1.0
    return sorted(values, key=lambda step: (sign * values[step], step))[: config.keep_best]
