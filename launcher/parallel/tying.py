"""Parameters that stand under several names, which sharding each name by itself would part."""

from __future__ import annotations

from torch import nn


def shared_parameters(model: nn.Module) -> list[list[str]]:
    """Names of each parameter that has more than one."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return [alike for alike in names.values() if len(alike) > 1]


def tie(model: nn.Module, shared: list[list[str]]) -> None:
    """Make each group of names one parameter again: the one under the first name."""
    for first, *others in shared:
        parameter = model.get_parameter(first)
        for name in others:
            path, _, leaf = name.rpartition(".")
            setattr(model.get_submodule(path), leaf, parameter)
