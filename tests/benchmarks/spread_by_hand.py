"""A model spread over processes with nothing but torch, as somebody writes it who knows its options.

Each function builds everything once and returns a function that trains so many steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.pipelining import PipelineStage, Schedule1F1B
from torch.distributed.tensor import DTensor, Replicate
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grad_norm_, clip_grads_with_norm_, get_total_norm

from launcher.runs import Run
from tests.benchmarks.loops import Parts, TrainSteps, forever, loss_of, parts

Clip = Callable[[list[nn.Parameter], float], object]


def ddp(run: Run) -> TrainSteps:
    """Copies of the model."""
    # The buffers are rotary tables, the same on each rank: no need to send them before each forward.
    options = {"gradient_as_bucket_view": True, "broadcast_buffers": False}
    built = parts(run, lambda model: DistributedDataParallel(model, **options))
    return trainer(built, clip_grad_norm_, shares=True)


def fsdp(run: Run) -> TrainSteps:
    """Shards of each block, and of the rest."""

    def spread(model: nn.Module) -> nn.Module:
        for block in model.blocks.children():
            fully_shard(block)
        return fully_shard(model)

    return trainer(parts(run, spread), clip_grad_norm_, shares=True)


def tp(run: Run) -> TrainSteps:
    """Shards of each matrix."""
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    colwise = ("attention.wq", "attention.wk", "attention.wv", "mlp.w1", "mlp.w3")
    plan = {f"blocks.*.{name}": ColwiseParallel() for name in colwise}
    plan |= {f"blocks.*.{name}": RowwiseParallel() for name in ("attention.wo", "mlp.w2")}
    plan |= {"embed": RowwiseParallel(input_layouts=Replicate())}
    plan |= {"head": ColwiseParallel(output_layouts=Replicate())}
    return trainer(parts(run, lambda model: parallelize_module(model, mesh, plan)), clip_mixed, shares=False)


def trainer(built: Parts, clip: Clip, *, shares: bool) -> TrainSteps:
    """The loop where every process runs the model from input to loss."""
    loader = built.loader(shares=shares)
    parameters = list(built.model.parameters())

    def train(num_steps: int) -> None:
        schedule = built.schedule(num_steps)
        for _, (inputs, targets) in zip(range(num_steps), forever(loader), strict=False):
            loss = loss_of(built.model(inputs), targets)
            loss.backward()
            clip(parameters, built.clip_norm)
            built.optimizer.step()
            schedule.step()
            built.optimizer.zero_grad()
            loss.item()

    return train


def pp(run: Run) -> TrainSteps:
    """Half of the blocks on each process."""
    rank, last = dist.get_rank(), dist.get_world_size() - 1
    built = parts(run, lambda model: own_stage(model, rank, last))
    stage = PipelineStage(built.model, rank, last + 1, torch.device("cpu"))
    flow = Schedule1F1B(stage, built.num_micros, loss_fn=loss_of)
    loader = built.loader()
    parameters = list(built.model.parameters())

    def train(num_steps: int) -> None:
        schedule = built.schedule(num_steps)
        for _, (inputs, targets) in zip(range(num_steps), forever(loader), strict=False):
            losses: list[Tensor] = []
            if rank == 0:
                flow.step(inputs, return_outputs=False)
            else:
                flow.step(target=targets, losses=losses, return_outputs=False)
            clip_over_stages(parameters, built.clip_norm)
            built.optimizer.step()
            schedule.step()
            built.optimizer.zero_grad()
            if rank == last:
                torch.stack(losses).mean().item()

    return train


def own_stage(model: nn.Module, rank: int, last: int) -> nn.Module:
    """What the process at `rank` of a pipeline keeps of the model."""
    names = list(model.blocks)
    for place, name in enumerate(names):
        if place * (last + 1) // len(names) != rank:
            del model.blocks[name]
    if rank != 0:
        model.embed = None
    if rank != last:
        model.norm = model.head = None
    return model


def clip_mixed(parameters: list[nn.Parameter], limit: float) -> None:
    """torch refuses to take the norm of sharded and whole gradients together: each kind has its own, then both one."""
    sharded = [parameter for parameter in parameters if isinstance(parameter, DTensor)]
    whole = [parameter for parameter in parameters if not isinstance(parameter, DTensor)]
    norm = torch.stack([full(get_total_norm(gradients(kind))) for kind in (sharded, whole)]).norm()
    for kind in (sharded, whole):
        clip_grads_with_norm_(kind, limit, norm)


def clip_over_stages(parameters: list[nn.Parameter], limit: float) -> None:
    """The norm of all stages' gradients."""
    square = get_total_norm(gradients(parameters)).square()
    dist.all_reduce(square)
    clip_grads_with_norm_(parameters, limit, square.sqrt())


def gradients(parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    """Their gradients."""
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def full(norm: Tensor) -> Tensor:
    """A norm that is known to this process."""
    return norm.full_tensor() if isinstance(norm, DTensor) else norm
