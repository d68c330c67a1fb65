"""A smaller model with the same divisibility, for a proof where the whole does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from launcher.parallel.axes import Axes
from launcher.parallel.stages import num_stages

WIDTHS = (
    "width",
    "mlp_width",
    "expert_width",
    "shared_width",
    "ngram_buckets",
    "ngram_width",
    "config.hidden_size",
    "config.intermediate_size",
    "config.moe_intermediate_size",
)
LAYERS = ("num_layers", "config.num_hidden_layers")
HEADS = ("num_heads", "num_kv_heads", "config.num_attention_heads", "config.num_key_value_heads")
HEAD_WIDTH = 8


def shrunk(model: Mapping[str, Any], meshes: Sequence[tuple[Axes, str]]) -> dict[str, tuple[int, int]]:
    """Keys of a model section whose size can be smaller: what it was and what it becomes.

    `meshes` are those that it must still fit, with their pipeline schedules. Numbers of heads and experts stay. A
    smaller size divides by exactly those axis sizes and numbers of heads by which the size divided before.
    """
    stages = {num_stages(schedule, axes.pp) if axes.pp > 1 else 1 for axes, schedule in meshes}
    sizes = {2}
    for axes, _ in meshes:
        sizes |= {axes.dp_shard, axes.cp, axes.tp, axes.ep, axes.num_shards, axes.num_shards * axes.tp}
    heads = [int(value) for name in HEADS if isinstance(value := _get(model, name), int)]
    changes = {}
    for name in WIDTHS:
        least = HEAD_WIDTH * max(heads, default=1)
        changes[name] = _smaller(_get(model, name), sizes | set(heads), least=least)
    for name in LAYERS:
        changes[name] = _smaller(_get(model, name), stages, least=max(stages))
    found = {name: (_get(model, name), size) for name, size in changes.items() if size is not None}
    return {name: (before, after) for name, (before, after) in found.items() if after < before}


def _smaller(value: Any, sizes: set[int], *, least: int) -> int | None:
    """The smallest size of at least `least` that keeps each divisibility."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    same = (n for n in range(least, value) if all((n % size == 0) == (value % size == 0) for size in sizes))
    return next(same, value)


def _get(model: Mapping[str, Any], path: str) -> Any:
    value: Any = model
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
