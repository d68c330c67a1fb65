"""One Accelerator a worker."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, InitProcessGroupKwargs

from launcher.errors import EngineError

if TYPE_CHECKING:
    from accelerate.tracking import GeneralTracker
    from accelerate.utils import DeepSpeedPlugin

    from launcher.parallel.plan import Plan

_PRECISIONS = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}
COLLECTIVE_TIMEOUT = timedelta(minutes=10)


def make_accelerator(
    plan: Plan, *, precision: str, trackers: list[GeneralTracker], plugin: DeepSpeedPlugin | None = None
) -> Accelerator:
    """Join the process group and own device, precision, clipping and trackers.

    Raises:
        EngineError: the group does not have the planned size; without this check each rank would train alone.
    """
    replicate = DistributedDataParallelKwargs(gradient_as_bucket_view=True)
    accelerator = Accelerator(
        cpu=plan.device == "cpu",
        mixed_precision=_PRECISIONS[precision],
        log_with=trackers or None,
        deepspeed_plugin=plugin,
        kwargs_handlers=[replicate, InitProcessGroupKwargs(timeout=COLLECTIVE_TIMEOUT)],
    )
    if accelerator.num_processes != plan.num_processes:
        raise EngineError(f"{plan.num_processes} processes were planned, {accelerator.num_processes} joined")
    if accelerator.device.type != plan.device:
        raise EngineError(f"device {plan.device} was planned, but the worker got {accelerator.device.type}")
    return accelerator


def reduce_sums(accelerator: Accelerator, *values: Any) -> list[float]:
    """Sum scalars over all ranks, in float64 where the device has it."""
    dtype = torch.float32 if accelerator.device.type == "mps" else torch.float64
    stacked = torch.stack([torch.as_tensor(value, dtype=dtype, device=accelerator.device) for value in values])
    if accelerator.num_processes > 1:
        stacked = accelerator.reduce(stacked, reduction="sum")
    return stacked.tolist()


def host_group() -> dist.ProcessGroup | None:
    """A new group of all processes that talks about values in the host's memory; None for one process alone.

    Each thread that talks needs one of its own. Every process must call it.
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return None
    return dist.new_group(backend="gloo", timeout=COLLECTIVE_TIMEOUT)
