"""Tensor and sequence parallelism: each style of a model's plan as hooks and sharded parameters.

Megatron-LM's splits (Shoeybi et al. 2019; sequence parallel: Korthikanti et al. 2022) with torch's DTensor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Partial, Placement, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    ParallelStyle,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)
from torch.distributed.tensor.placement_types import _StridedShard

from launcher.parallel.model_plan import ModelPlan, Style, matching
from launcher.parallel.tying import shared_parameters, tie

TIME, HEADS = 1, 2
"""Dims of activations (B, T, ...) and of heads (B, T, N, H)."""


def apply_tensor_parallel(
    model: nn.Module, mesh: DeviceMesh, plan: ModelPlan, *, sequence: bool, loss: bool, skip: str | None = None
) -> None:
    """Shard matrices over a 1-D mesh as the plan says; `sequence` splits activations between them along time.

    `loss` leaves logits split over the vocabulary. `skip` names modules that are spread otherwise.
    """
    shared = shared_parameters(model)
    for pattern, stated in plan.tensor.items():
        style = _styles(sequence=sequence, loss=loss)[stated] if isinstance(stated, str) else StackedExperts(stated)
        for _, module in matching(model, pattern):
            empty = next(module.parameters(), None) is None
            if style is not None and not empty and pattern != skip:
                parallelize_module(module, mesh, style)
    tie(model, shared)


def tensor_styles() -> list[str]:
    """Names that a plan may use."""
    return list(_styles(sequence=False, loss=False))


def _styles(*, sequence: bool, loss: bool) -> dict[str, ParallelStyle | None]:
    between = Shard(TIME) if sequence else Replicate()
    gathered = ColwiseParallel(input_layouts=between, output_layouts=Replicate())
    split_logits = ColwiseParallel(input_layouts=between, output_layouts=Shard(-1), use_local_output=False)
    split, gather = (Replicate(), between), (between, Replicate())
    return {
        "colwise": ColwiseParallel(),
        "rowwise": RowwiseParallel(output_layouts=between),
        "rowwise_replicated": RowwiseParallel(),
        "embedding": RowwiseParallel(input_layouts=Replicate(), output_layouts=between),
        "embedding_replicated": RowwiseParallel(input_layouts=Replicate()),
        "head": split_logits if loss else gathered,
        "colwise_gather_output": gathered,
        "norm": SequenceParallel(sequence_dim=TIME) if sequence else None,
        "head_norm": SequenceParallel(sequence_dim=HEADS, use_local_output=True),
        # Also without: matrices that read one DTensor sum their gradients of it before processes talk.
        "region": Relayout(inputs=gather, keep=True),
        "replicated_region": Relayout(inputs=gather, outputs=split) if sequence else None,
        "replicated_output": Relayout(outputs=split) if sequence else None,
    }


class Relayout(ParallelStyle):
    """Changes how the first input, or the output, of a module is laid out: (from, to).

    With `keep` the input stays a DTensor, so that the gradients of the matrices that read it are summed and split
    in one reduce-scatter.
    """

    def __init__(
        self,
        *,
        inputs: tuple[Placement, Placement] | None = None,
        outputs: tuple[Placement, Placement] | None = None,
        keep: bool = False,
    ) -> None:
        self._inputs, self._outputs, self._keep = inputs, outputs, keep

    def _apply(self, module: nn.Module, device_mesh: DeviceMesh) -> nn.Module:
        inputs, outputs = self._inputs, self._outputs
        if inputs is not None:
            on_first_input(module, lambda x: _relaid(x, device_mesh, *inputs, keep=self._keep))
        if outputs is not None:
            module.register_forward_hook(lambda _, __, y: _relaid(y, device_mesh, *outputs, keep=False))
        return module


class StackedExperts(ParallelStyle):
    """Shards each stacked weight along its own dim; every process computes a part of every output, which is summed.

    `packed:1` stands for a dim 1 that holds two matrices, one after the other, each of which is sharded.
    """

    def __init__(self, dims: Mapping[str, int | str]) -> None:
        self._placements = {name: expert_placement(dim) for name, dim in dims.items()}

    def _apply(self, module: nn.Module, device_mesh: DeviceMesh) -> nn.Module:
        for name, placement in self._placements.items():
            weight = distribute_tensor(getattr(module, name).data, device_mesh, [placement])
            module.register_parameter(name, nn.Parameter(weight))
        use_local_weights(module)
        sum_partial_outputs(module, device_mesh)
        return module


def expert_placement(dim: int | str) -> Placement:
    """How a stacked weight is sharded, from what a plan says."""
    if isinstance(dim, str):
        return _StridedShard(dim=int(dim.removeprefix("packed:")), split_factor=2)
    return Shard(dim)


def use_local_weights(module: nn.Module) -> None:
    """While the module runs, its sharded weights are plain tensors of what this process holds."""
    sharded: dict[str, nn.Parameter] = {}

    def unwrap(_: nn.Module, __: Any) -> None:
        for name, parameter in module._parameters.items():
            if isinstance(parameter, DTensor):
                sharded[name] = parameter
                module._parameters[name] = parameter.to_local()

    def wrap(_: nn.Module, __: Any, ___: Any) -> None:
        module._parameters.update(sharded)
        sharded.clear()

    module.register_forward_pre_hook(unwrap)
    module.register_forward_hook(wrap, always_call=True)


def sum_partial_outputs(module: nn.Module, mesh: DeviceMesh) -> None:
    """The output of each process becomes the sum over the mesh, and so does the gradient of each floating input."""

    def copied(x: Any) -> Any:
        if not isinstance(x, Tensor) or not x.is_floating_point():
            return x
        whole = DTensor.from_local(x, mesh, [Replicate()], run_check=False)
        return whole.to_local(grad_placements=[Partial()])

    def before(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return tuple(copied(x) for x in args), {name: copied(x) for name, x in kwargs.items()}

    def after(_: nn.Module, __: Any, y: Tensor) -> Tensor:
        return DTensor.from_local(y, mesh, [Partial()], run_check=False).full_tensor()

    module.register_forward_pre_hook(before, with_kwargs=True)
    module.register_forward_hook(after)


def on_first_input(module: nn.Module, change: Callable[[Tensor], Tensor]) -> None:
    """Change the first positional argument, or else the first keyword argument, of each forward call."""

    def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if args:
            return (change(args[0]), *args[1:]), kwargs
        name = next(iter(kwargs))
        return args, {**kwargs, name: change(kwargs[name])}

    module.register_forward_pre_hook(hook, with_kwargs=True)


def _relaid(x: Tensor, mesh: DeviceMesh, before: Placement, after: Placement, *, keep: bool) -> Tensor:
    laid = x if isinstance(x, DTensor) else DTensor.from_local(x, mesh, [before], run_check=False)
    laid = laid.redistribute(mesh, [after])
    return laid if keep else laid.to_local()


def is_known(style: Style) -> bool:
    """Whether a plan's style has a meaning here."""
    return not isinstance(style, str) or style in tensor_styles()
