"""What a model says about how it can be spread: its `parallel_plan`, read, matched to modules, or found by rule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

_KEYS = ("blocks", "tensor", "tp_sizes", "cp_sizes", "ep_sizes", "stages", "context", "experts", "balanced")
Style = str | Mapping[str, Any]
"""A name, or the sharded dim of each parameter of a module with stacked weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPlan:
    """A model's `parallel_plan`; docs/strategies.md explains its keys."""

    blocks: tuple[str, ...] = ()
    tensor: Mapping[str, Style] = field(default_factory=dict)
    tp_sizes: Mapping[str, int] = field(default_factory=dict)
    cp_sizes: Mapping[str, int] = field(default_factory=dict)
    ep_sizes: Mapping[str, int] = field(default_factory=dict)
    stages: Mapping[str, list[str]] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    experts: str | None = None
    balanced: str | None = None
    note: str | None = None  # what was found by rule, for the user

    @classmethod
    def of(cls, model: nn.Module) -> ModelPlan:
        """The plan that a model states; without one, its blocks are found by rule.

        Raises:
            ValueError: the plan has a key that does not exist.
        """
        stated = getattr(model, "parallel_plan", None)
        if stated is None:
            return cls(**_found(model))
        unknown = sorted(set(stated) - set(_KEYS))
        if unknown:
            raise ValueError(
                f"parallel_plan of {type(model).__name__} has no key {unknown[0]}; its keys are {', '.join(_KEYS)}"
            )
        blocks = stated.get("blocks", ())
        return cls(**{**stated, "blocks": (blocks,) if isinstance(blocks, str) else tuple(blocks)})

    def block_names(self, model: nn.Module) -> list[str]:
        """Names of the blocks that the model has, in order."""
        return [
            f"{path}.{name}" if path else name
            for path in self.blocks
            for name, block in model.get_submodule(path).named_children()
        ]


def matching(model: nn.Module, pattern: str) -> list[tuple[str, nn.Module]]:
    """Submodules whose dotted name matches a pattern, in which `*` stands for one name."""
    expression = re.compile(re.escape(pattern).replace(r"\*", r"[^.]+"))
    return [(name, module) for name, module in model.named_modules() if expression.fullmatch(name)]


def can_initialize(model: nn.Module) -> bool:
    """Whether a model fills all its parameters and buffers itself, and need never be built whole."""
    return (
        hasattr(model, "parallel_plan")
        and hasattr(model, "reset_parameters")
        and bool(getattr(model, "initializes", True))
    )


def _found(model: nn.Module) -> dict[str, Any]:
    """The container of equal children that holds most parameters."""
    candidates = []
    for name, module in model.named_modules():
        children = list(module.children())
        alike = len({type(child) for child in children}) == 1 and len(children) > 1
        parameters = sum(parameter.numel() for parameter in module.parameters())
        if alike and isinstance(module, (nn.ModuleList, nn.ModuleDict, nn.Sequential)) and parameters:
            candidates.append((parameters, name, f"{len(children)} x {type(children[0]).__name__}"))
    if not candidates:
        return {"note": f"{type(model).__name__} states no parallel_plan and has no repeated blocks: sharded as one"}
    _, name, what = max(candidates, key=lambda candidate: candidate[0])
    note = (
        f"{type(model).__name__} states no parallel_plan: its blocks are taken to be {name or 'its children'} ({what})"
    )
    return {"blocks": (name,), "note": note}
