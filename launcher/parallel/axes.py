"""Sizes of the mesh axes: what `strategy` asks for, multiplied out and checked against the processes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from launcher.config.schema import AXES, StrategyConfig
from launcher.errors import RequestError

EQUATION = "*".join(AXES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """A mesh: how many processes lie along each axis."""

    pp: int = 1
    dp_replicate: int = 1
    dp_shard: int = 1
    cp: int = 1
    tp: int = 1
    ep: int = 1

    @property
    def num_processes(self) -> int:
        return self.pp * self.dp_replicate * self.dp_shard * self.cp * self.tp

    @property
    def num_data(self) -> int:
        """Processes, or groups of them, that take different samples."""
        return self.dp_replicate * self.dp_shard

    @property
    def num_shards(self) -> int:
        """Processes over which a parameter is sharded: those that take other samples or other parts of a sequence."""
        return self.dp_shard * self.cp

    @property
    def num_gradients(self) -> int:
        """Gradients of a parameter that are added up."""
        return self.dp_replicate * self.num_shards

    @property
    def only_replicates(self) -> bool:
        """Every process holds the whole model; there may be just one."""
        return self.dp_replicate == self.num_processes

    def __str__(self) -> str:
        sizes = [f"{name} {getattr(self, name)}" for name in (*AXES, "ep") if getattr(self, name) > 1]
        return " x ".join(sizes) or "one process"


def asked_axes(strategy: StrategyConfig) -> dict[str, int | str]:
    """The sizes as the config states them, `auto` among them."""
    return {name: getattr(strategy, name) for name in AXES}


def auto_axis(strategy: StrategyConfig) -> str | None:
    """The axis that takes what is left of the processes."""
    return next((name for name, size in asked_axes(strategy).items() if size == "auto"), None)


def fixed_product(strategy: StrategyConfig) -> int:
    """The product of the sizes that are stated."""
    return math.prod(size for size in asked_axes(strategy).values() if isinstance(size, int))


def resolve_axes(strategy: StrategyConfig, *, processes: int) -> Axes:
    """Give `auto` its size.

    Raises:
        RequestError: the sizes do not multiply to the number of processes, or `ep` does not fit inside the data axes.
    """
    sizes, fixed = asked_axes(strategy), fixed_product(strategy)
    auto = auto_axis(strategy)
    if processes % fixed != 0 or (auto is None and processes != fixed):
        raise RequestError(_mismatch(strategy, processes=processes))
    if auto is not None:
        sizes[auto] = processes // fixed
    axes = Axes(**{name: int(size) for name, size in sizes.items()})
    if strategy.ep == "auto":
        return replace(axes, ep=axes.num_shards)
    ep = int(strategy.ep)
    if axes.num_shards % ep != 0:
        raise RequestError(
            f"strategy.ep={ep} must divide dp_shard*cp = {axes.dp_shard}*{axes.cp} = {axes.num_shards}, since experts "
            f"are spread over processes that share the data; use strategy.ep={math.gcd(ep, axes.num_shards)} "
            f"or strategy.dp_shard={math.lcm(ep, axes.dp_shard)}"
        )
    return replace(axes, ep=ep)


def _mismatch(strategy: StrategyConfig, *, processes: int) -> str:
    sizes, fixed, auto = asked_axes(strategy), fixed_product(strategy), auto_axis(strategy)
    factors = "*".join(str(size) for size in sizes.values())
    start = f"strategy={strategy.name}: {EQUATION} = {factors} "
    if auto is None:
        equation = f"{start}= {fixed}, but there are {processes} processes"
    else:
        equation = f"{start}is a multiple of {fixed}, which {processes} processes are not"
    largest = max((name for name in AXES if sizes[name] != "auto"), key=lambda name: int(sizes[name]))
    use = f"use engine.num_processes={fixed if auto is None else max(fixed, processes // fixed * fixed)}"
    if int(sizes[largest]) > 1:
        others = fixed // int(sizes[largest])
        fits = processes % others == 0
        size = processes // others if auto is None else math.gcd(int(sizes[largest]), processes)
        use += f" or strategy.{largest}={size}" if fits and size >= 1 else ""
    elif auto is None:
        use += " or strategy=ddp"
    return f"{equation}; {use}"
