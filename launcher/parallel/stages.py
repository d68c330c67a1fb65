"""A model cut into pipeline stages, each a module that keeps the names of the whole."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from launcher.parallel.batch import TWO_STAGES_A_PROCESS
from launcher.parallel.model_plan import ModelPlan

V_SHAPED = ("zbv_zero_bubble", "dualpipev")
"""Schedules in which the process that holds the first stage holds the last as well."""


class Absent(nn.Module):
    """Stands where a block of another stage was: what comes in goes out."""

    def forward(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The first argument."""
        return x


def num_stages(schedule: str, processes: int) -> int:
    """Stages in all."""
    return processes * (2 if schedule in TWO_STAGES_A_PROCESS else 1)


def stages_of(schedule: str, *, index: int, processes: int) -> list[int]:
    """The stages that the process at `index` of the pipeline holds, ascending."""
    if schedule not in TWO_STAGES_A_PROCESS:
        return [index]
    return [index, 2 * processes - 1 - index if schedule in V_SHAPED else index + processes]


def place_of_last(schedule: str, *, processes: int) -> int:
    """The position along the pipeline of the process that holds the last stage."""
    return 0 if schedule in V_SHAPED else processes - 1


def cut(model: nn.Module, plan: ModelPlan, stages: int, *, by: str) -> list[list[str]]:
    """Names of the blocks of each stage, in order: as many blocks in each (`layers`) or as equal a cost (`cost`).

    The cost of a module is the number of its parameters that are multiplied; tables that are looked up cost nothing.
    """
    names = plan.block_names(model)
    costs = [1.0 if by == "layers" else multiplied(model.get_submodule(name)) for name in names]
    first = last = 0.0
    if by == "cost":
        first, last = (_cost_of(model, plan.stages.get(end, [])) for end in ("first", "last"))
    ends = _balanced(costs, stages, first=first, last=last)
    return [names[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def stage_module(model: nn.Module, plan: ModelPlan, blocks: list[str], *, is_first: bool, is_last: bool) -> nn.Module:
    """The part of a model with these blocks; modules are shared with it, not copied."""
    stage = copy.copy(model)
    stage._modules = dict(model._modules)
    for end, present in (("first", is_first), ("last", is_last)):
        for name in plan.stages.get(end, []):
            if not present:
                _replace(stage, name, None)
    for name in plan.block_names(model):
        if name not in blocks:
            _replace(stage, name, Absent())
    return stage


def multiplied(module: nn.Module) -> float:
    """Parameters that a forward pass multiplies with."""
    return float(
        sum(
            parameter.numel()
            for part in module.modules()
            if not isinstance(part, nn.Embedding)
            for parameter in part.parameters(recurse=False)
        )
    )


def _cost_of(model: nn.Module, names: list[str]) -> float:
    modules = [getattr(model, name) for name in names]
    return sum(multiplied(module) for module in modules if module is not None)


def _balanced(costs: list[float], stages: int, *, first: float, last: float) -> list[int]:
    """Where each stage ends, so that the costliest is cheapest and each has a block; dynamic programming.

    Among equals, the sum of squares decides, which deals equal blocks as evenly as can be, later stages first.
    """
    total = [0.0]
    for cost in costs:
        total.append(total[-1] + cost)

    def price(start: int, end: int, stage: int) -> float:
        extra = (first if stage == 0 else 0.0) + (last if stage == stages - 1 else 0.0)
        return total[end] - total[start] + extra

    best: dict[int, tuple[float, float, list[int]]] = {0: (0.0, 0.0, [])}
    for stage in range(stages):
        reached: dict[int, tuple[float, float, list[int]]] = {}
        left = stages - stage - 1
        for start, (worst, squares, ends) in best.items():
            for end in range(start + 1, len(costs) - left + 1):
                here = price(start, end, stage)
                candidate = (max(worst, here), squares + here**2, [*ends, end])
                if end not in reached or candidate[:2] < reached[end][:2]:
                    reached[end] = candidate
        best = reached
    return best[len(costs)][2]


def _replace(stage: nn.Module, name: str, module: nn.Module | None) -> None:
    """Set a submodule, in containers that are copied on the way."""
    *path, leaf = name.split(".")
    owner = stage
    for part in path:
        child = copy.copy(owner._modules[part])
        assert child is not None
        child._modules = dict(child._modules)
        owner._modules[part] = child
        owner = child
    owner._modules[leaf] = module
