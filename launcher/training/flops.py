"""What a sample costs, counted on the meta device, where nothing is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from launcher.config.targets import build
from launcher.data.loader import Batch

if TYPE_CHECKING:
    from launcher.config.schema import Config
    from launcher.data.loader import Rows


def flops_per_sample(config: Config, rows: Rows) -> float:
    """FLOPs of one forward and backward of one sample, counted operation by operation.

    Recomputation for activation checkpointing is not counted: this is the model's need, as MFU asks for
    (Chowdhery et al. 2022).
    """
    sample = {name: torch.from_numpy(array) for name, array in rows.gather(np.array([0])).items()}
    task = build(config.task)
    example = task.example(Batch(sample, np.array([0]), 0, 0, 1.0))
    with torch.device("meta"):
        model = build(config.model)
    inputs = {name: value.to("meta") for name, value in example.inputs.items()}
    with FlopCounterMode(display=False) as counter:
        task.loss_sum(model(**inputs), example.targets.to("meta")).backward()
    return float(counter.get_total_flops())
