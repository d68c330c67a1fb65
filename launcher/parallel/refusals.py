"""Why a model can't be spread as the mesh asks, found from its plan before any worker starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from torch import nn

from launcher.config.schema import Config
from launcher.parallel.axes import Axes
from launcher.parallel.model_plan import ModelPlan, matching
from launcher.parallel.stages import num_stages
from launcher.parallel.tensor import is_known
from launcher.parallel.tying import shared_parameters

TOKEN_LABELS = ("next_tokens", "masked_tokens")
"""Labels with a target at every position, so that a sequence can be cut."""


def refuse_strategy(model: nn.Module, config: Config, axes: Axes) -> str | None:
    """The first thing that does not fit, with the override that would; `model` may be on the meta device."""
    try:
        plan = ModelPlan.of(model)
    except ValueError as error:
        return str(error)
    if axes.only_replicates:
        return None
    checks: tuple[Callable[[nn.Module, ModelPlan, Config, Axes], Iterator[str]], ...] = (
        _precision,
        _tensor,
        _pipeline,
        _context,
        _experts,
    )
    return next((message for check in checks for message in check(model, plan, config, axes)), None)


def _precision(model: nn.Module, plan: ModelPlan, config: Config, axes: Axes) -> Iterator[str]:
    if config.trainer.precision == "fp16" and not axes.only_replicates:
        yield (
            f"trainer.precision=fp16 scales its loss, which only strategy=single and ddp do; "
            f"use trainer.precision=bf16 with strategy={config.strategy.name}"
        )


def _tensor(model: nn.Module, plan: ModelPlan, config: Config, axes: Axes) -> Iterator[str]:
    if axes.tp == 1:
        return
    strategy, tp = config.strategy, axes.tp
    if not plan.tensor:
        yield _no_plan(model, f"strategy.tp={tp}", "tensor")
        return
    unknown = [style for style in plan.tensor.values() if not is_known(style)]
    if unknown:
        yield f"parallel_plan of {type(model).__name__} names the tensor style {unknown[0]!r}, which does not exist"
    yield from _indivisible("strategy.tp", tp, plan.tp_sizes)
    if strategy.sequence_parallel and "region" not in plan.tensor.values():
        yield (
            f"strategy.sequence_parallel=true: the plan of {type(model).__name__} has no region whose input could be "
            "gathered; use strategy.sequence_parallel=false"
        )
    length = _length(config)
    if strategy.sequence_parallel and length is not None and length % (tp * axes.cp) != 0:
        yield (
            f"strategy.sequence_parallel=true splits dataset.sequence_length={length} over cp*tp = {axes.cp}*{tp} "
            f"processes; use dataset.sequence_length={_multiple(length, tp * axes.cp)}"
        )
    if strategy.loss_parallel and ("head" not in plan.tensor.values() or not _has_token_labels(config)):
        yield (
            f"strategy.loss_parallel=true needs logits over a vocabulary at every position, which "
            f"{type(model).__name__} with task {config.task['_target_']} does not have; "
            "use strategy.loss_parallel=false"
        )


def _pipeline(model: nn.Module, plan: ModelPlan, config: Config, axes: Axes) -> Iterator[str]:
    if axes.pp == 1:
        return
    if not plan.stages or not plan.blocks:
        yield _no_plan(model, f"strategy.pp={axes.pp}", "stages")
        return
    blocks = len(plan.block_names(model))
    schedule = config.strategy.pp_schedule
    stages = num_stages(schedule, axes.pp)
    if blocks < stages:
        yield (
            f"strategy.pp={axes.pp} with strategy.pp_schedule={schedule} makes {stages} stages, but the model has "
            f"{blocks} blocks; use model.num_layers={stages} or strategy.pp={max(1, blocks * axes.pp // stages)}"
        )
    for names in shared_parameters(model):
        yield (
            f"strategy.pp={axes.pp}: {' and '.join(names)} are one parameter, which would lie on two stages; "
            "use model.tie_embeddings=false"
        )
    if config.trainer.compile and schedule in ("interleaved_zero_bubble", "zbv_zero_bubble", "dualpipev"):
        yield (
            f"strategy.pp_schedule={schedule} splits the backward pass, which torch.compile can't; "
            "use trainer.compile=false or strategy.pp_schedule=interleaved_1f1b"
        )


def _context(model: nn.Module, plan: ModelPlan, config: Config, axes: Axes) -> Iterator[str]:
    if axes.cp == 1:
        return
    strategy, cp, length = config.strategy, axes.cp, _length(config)
    if not plan.context:
        yield _no_plan(model, f"strategy.cp={cp}", "context")
        return
    if not _has_token_labels(config) or length is None:
        yield (
            f"strategy.cp={cp} cuts sequences, but task {config.task['_target_']} has no target at every position; "
            "use strategy=fsdp, or task=language_modeling"
        )
        return
    parts = 2 * cp if strategy.cp_load_balance else cp
    if length % parts != 0:
        balanced = "2*cp, since strategy.cp_load_balance=true gives each process two parts" if parts > cp else "cp"
        yield (
            f"dataset.sequence_length={length} does not divide by {parts} = {balanced}; "
            f"use dataset.sequence_length={_multiple(length, parts)}"
        )
    if strategy.cp_method == "ulysses":
        yield from _indivisible("strategy.cp", cp, {name: size // axes.tp for name, size in plan.cp_sizes.items()})
    short = [path for path in plan.context.get("position_buffers", ()) if model.get_buffer(path).shape[0] != length]
    if short:
        yield (
            f"strategy.cp={cp} cuts {short[0]} of {type(model).__name__} with the sequence, but its length is not "
            f"dataset.sequence_length={length}; use model.sequence_length={length}"
        )


def _experts(model: nn.Module, plan: ModelPlan, config: Config, axes: Axes) -> Iterator[str]:
    if axes.ep == 1:
        return
    if plan.experts is None or not matching(model, plan.experts):
        yield (
            f"strategy.ep={axes.ep}: {type(model).__name__} has no experts to spread; "
            "use model=moe_tiny, or strategy.ep=1"
        )
        return
    yield from _indivisible("strategy.ep", axes.ep, plan.ep_sizes)


def _indivisible(key: str, size: int, sizes: Mapping[str, int]) -> Iterator[str]:
    fitting = [n for n in range(1, max(sizes.values(), default=1) + 1) if all(v % n == 0 for v in sizes.values())]
    for name, value in sizes.items():
        if value % size != 0:
            yield (
                f"{key}={size} does not divide model.{name}={value}; use {key}={_listed(fitting)}, "
                f"or model.{name}={_multiple(value, size)}"
            )


def _no_plan(model: nn.Module, asked: str, key: str) -> str:
    return (
        f"{asked}: {type(model).__name__} states no `{key}` in a parallel_plan, which this axis needs; "
        "use strategy=fsdp or strategy=ddp, which any model can"
    )


def _has_token_labels(config: Config) -> bool:
    return config.task.get("_labels_") in TOKEN_LABELS


def _length(config: Config) -> int | None:
    return config.dataset.sequence_length if config.dataset.kind == "text" else None


def _multiple(value: int, factor: int) -> int:
    return max(factor, value // factor * factor)


def _listed(sizes: list[int]) -> str:
    *head, last = [str(size) for size in sizes]
    return f"{', '.join(head)} or {last}" if head else last
