"""From a model's constructor to the model spread over the mesh, in the one order that works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from launcher.config.schema import Config
from launcher.errors import EngineError
from launcher.parallel.context import positions, replace_attention, split_position_buffers, split_sequence
from launcher.parallel.deepspeed import DeepSpeedModel
from launcher.parallel.experts import apply_expert_parallel
from launcher.parallel.initialize import initialize
from launcher.parallel.mesh import Mesh, make_mesh
from launcher.parallel.model_plan import ModelPlan, can_initialize
from launcher.parallel.pipeline import Pipeline
from launcher.parallel.plan import Plan
from launcher.parallel.recompute import checkpoint_blocks
from launcher.parallel.routing import Balance
from launcher.parallel.shard import DTYPES, shard
from launcher.parallel.spread import Spread
from launcher.parallel.stages import cut, num_stages, place_of_last, stage_module, stages_of
from launcher.parallel.tensor import apply_tensor_parallel
from launcher.parallel.whole import WholeModel


def distribute(
    accelerator: Accelerator, build: Callable[[], nn.Module], config: Config, plan: Plan, *, sequence_length: int | None
) -> Spread:
    """Build a model, spread it, and fill it with the weights that one process would draw from the seed.

    The order is: stages, split sequence, split matrices, experts, recomputation, compilation, sharding, weights.
    """
    axes, strategy = plan.axes, config.strategy
    schedule = strategy.pp_schedule
    last = place_of_last(schedule, processes=axes.pp)
    mesh = make_mesh(axes, rank=accelerator.process_index, device=accelerator.device, last=last)
    whole, from_meta = construct(build, config.trainer.seed, mesh.device)
    model_plan = ModelPlan.of(whole)
    notes = [model_plan.note] if model_plan.note is not None and not axes.only_replicates else []
    if not from_meta and not axes.only_replicates:
        notes.append(
            f"every process builds {type(whole).__name__} whole: it has no parallel_plan with reset_parameters"
        )
    num_parameters = sum(parameter.numel() for parameter in whole.parameters())
    indices = stages_of(schedule, index=mesh.index("pp"), processes=axes.pp) if axes.pp > 1 else [0]
    stages = num_stages(schedule, axes.pp) if axes.pp > 1 else 1
    parts = _parts(whole, model_plan, indices, stages=stages, by=strategy.pp_split) if axes.pp > 1 else [whole]
    mine = None
    if axes.cp > 1:
        assert sequence_length is not None
        mine = positions(sequence_length, rank=mesh.index("cp"), size=axes.cp, balanced=strategy.cp_load_balance)
    balance = Balance(whole, parts, model_plan, mesh)
    for part in parts:
        transform(part, mesh, model_plan, config, positions=mine)
    if from_meta:
        offloads = strategy.cpu_offload and not axes.only_replicates and axes.num_gradients > 1
        home = torch.device("cpu") if offloads else mesh.device
        initialize(whole, parts, seed=config.trainer.seed, device=home)
        _move_buffers(parts, mesh.device)
    if mine is not None:
        split_position_buffers(whole, model_plan, mine)
    common: dict[str, Any] = {
        "mesh": mesh,
        "whole": whole,
        "parts": parts,
        "num_parameters": num_parameters,
        "positions": mine,
        "splits_logits": strategy.loss_parallel and axes.tp > 1,
        "balance": balance,
        "notes": notes,
    }
    if strategy.zero_stage is not None:
        return DeepSpeedModel(accelerator, accumulation=plan.accumulation, **common)
    if axes.pp > 1:
        sizes = {"num_stages": stages, "num_micros": plan.accumulation, "rows": plan.micro_batch_size}
        return Pipeline(indices, schedule=schedule, **sizes, **common)
    return WholeModel(accelerator, called(accelerator, whole, mesh), **common)


def construct(build: Callable[[], nn.Module], seed: int, device: torch.device) -> tuple[nn.Module, bool]:
    """The model on the meta device if it can fill itself later, which is the second value; else built whole."""
    with torch.device("meta"):
        model = build()
    if can_initialize(model):
        return model, True
    torch.manual_seed(seed)
    return build().to(device), False


def transform(part: nn.Module, mesh: Mesh, plan: ModelPlan, config: Config, *, positions: Tensor | None) -> None:
    """Spread one stage in place."""
    axes, strategy, precision = mesh.axes, config.strategy, config.trainer.precision
    if positions is not None:
        group = mesh.group("cp")
        assert group is not None
        split_sequence(part, plan, positions)
        replace_attention(part, plan, group=group, method=strategy.cp_method, balanced=strategy.cp_load_balance)
    if axes.tp > 1:
        assert mesh.dense is not None
        apply_tensor_parallel(
            part,
            mesh.dense["tp"],
            plan,
            sequence=strategy.sequence_parallel,
            loss=strategy.loss_parallel,
            skip=plan.experts if axes.ep > 1 else None,
        )
    if axes.ep > 1:
        apply_expert_parallel(part, mesh, plan)
    blocks = [part.get_submodule(name) for name in plan.block_names(part)]
    if strategy.activation_checkpointing != "none":
        checkpoint_blocks(blocks, method=strategy.activation_checkpointing, every=strategy.checkpoint_every)
    if config.trainer.compile:
        for module in blocks or [part]:
            module.compile()
    if axes.only_replicates:
        return
    if axes.num_gradients > 1:
        gives_logits = all(getattr(part, name) is not None for name in plan.stages.get("last", []))
        shard(part, mesh, plan, strategy, precision=precision, gives_logits=gives_logits)
    elif precision != "fp32":
        _autocast(part, mesh.device, DTYPES[precision])


def called(accelerator: Accelerator, model: nn.Module, mesh: Mesh) -> nn.Module:
    """What the step calls: the model itself where it is sharded, else prepared by Accelerate.

    Raises:
        EngineError: the model was not wrapped as the mesh needs; each rank would train alone.
    """
    if not mesh.axes.only_replicates:
        return model
    if mesh.axes.num_processes == 1:
        # Under an elastic agent Accelerate would replicate it too: three times its memory and a message each step.
        return accelerator.prepare_model(model, evaluation_mode=True)
    # Buffers that are not saved (rotary tables) are the same everywhere; the rest is sent before each forward.
    saved = model.state_dict().keys()
    unsaved = [name for name, _ in model.named_buffers() if name not in saved]
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(model, unsaved)
    wrapped = accelerator.prepare(model)
    if not isinstance(wrapped, DistributedDataParallel):
        raise EngineError(f"the model was wrapped as {type(wrapped).__name__}, not DistributedDataParallel")
    return wrapped


def _parts(whole: nn.Module, plan: ModelPlan, indices: list[int], *, stages: int, by: str) -> list[nn.Module]:
    blocks = cut(whole, plan, stages, by=by)
    return [
        stage_module(whole, plan, blocks[index], is_first=index == 0, is_last=index == stages - 1) for index in indices
    ]


def _move_buffers(parts: list[nn.Module], device: torch.device) -> None:
    """Offloaded parameters are filled in the host's memory; buffers are used on the device."""
    for part in parts:
        for module in part.modules():
            for name, buffer in module.named_buffers(recurse=False):
                setattr(module, name, buffer.to(device))


def _autocast(part: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
    """Compute in `dtype` where nothing is sharded that could be gathered in it; floating outputs are float32."""
    forward = torch.autocast(device.type, dtype)(part.forward)
    part.forward = lambda *args, **kwargs: forward(*args, **kwargs).float()
