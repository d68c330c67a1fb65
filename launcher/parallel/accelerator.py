"""One Accelerator a worker, and the model wrapped by it for the mesh."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, InitProcessGroupKwargs
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from launcher.errors import EngineError

if TYPE_CHECKING:
    from accelerate.tracking import GeneralTracker
    from torch import Tensor
    from torch.optim import Optimizer

    from launcher.parallel.plan import Plan

_PRECISIONS = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}
COLLECTIVE_TIMEOUT = timedelta(minutes=10)


def make_accelerator(plan: Plan, *, precision: str, trackers: list[GeneralTracker]) -> Accelerator:
    """Join the process group and own device, precision, clipping and trackers.

    Raises:
        EngineError: the group does not have the planned size; without this check each rank would train alone.
    """
    replicate = DistributedDataParallelKwargs(gradient_as_bucket_view=True)
    accelerator = Accelerator(
        cpu=plan.device == "cpu",
        mixed_precision=_PRECISIONS[precision],
        log_with=trackers or None,
        kwargs_handlers=[replicate, InitProcessGroupKwargs(timeout=COLLECTIVE_TIMEOUT)],
    )
    if accelerator.num_processes != plan.num_processes:
        raise EngineError(f"{plan.num_processes} processes were planned, {accelerator.num_processes} joined")
    if accelerator.device.type != plan.device:
        raise EngineError(f"device {plan.device} was planned, but the worker got {accelerator.device.type}")
    return accelerator


def distribute(accelerator: Accelerator, model: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
    """Place the model on the device and replicate it over the ranks; returns what the step loop calls."""
    # Buffers that are not saved (rotary tables) are the same everywhere; the rest is sent before each forward.
    saved = model.state_dict().keys()
    unsaved = [name for name, _ in model.named_buffers() if name not in saved]
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(model, unsaved)
    wrapped, stepper = accelerator.prepare(model, optimizer)
    if accelerator.num_processes > 1 and not isinstance(wrapped, DistributedDataParallel):
        raise EngineError(f"the model was wrapped as {type(wrapped).__name__}, not DistributedDataParallel")
    # Without a gradient scaler the wrapper only adds its cost: it searches the import path at every step.
    return wrapped, stepper if accelerator.scaler is not None else stepper.optimizer


def bare(model: nn.Module) -> nn.Module:
    """The model without the wrapper that replicates it."""
    return model.module if isinstance(model, DistributedDataParallel) else model


def clip_gradients(accelerator: Accelerator, parameters: list[nn.Parameter], limit: float | None) -> Tensor:
    """The global gradient norm, of shape (), before clipping; clips where there is a limit.

    Accelerate's own call looks for sharded gradients at every step; replicated ones need no search.
    """
    if accelerator.scaler is not None:
        accelerator.unscale_gradients()
    if limit is not None:
        return nn.utils.clip_grad_norm_(parameters, limit)
    return nn.utils.get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])


def reduce_sums(accelerator: Accelerator, *values: Any) -> list[float]:
    """Sum scalars over all ranks, in float64 where the device has it."""
    if accelerator.num_processes == 1:
        return [float(value) for value in values]
    dtype = torch.float32 if accelerator.device.type == "mps" else torch.float64
    stacked = torch.stack([torch.as_tensor(value, dtype=dtype, device=accelerator.device) for value in values])
    return accelerator.reduce(stacked, reduction="sum").tolist()
