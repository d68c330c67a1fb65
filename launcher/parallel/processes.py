"""How many processes a run starts."""

from __future__ import annotations

from launcher.config.schema import Config
from launcher.parallel.axes import auto_axis, fixed_product

MAX_CPU_PROCESSES = 8
"""Beyond this many, processes on one host share memory bandwidth and only add messages."""

_DATA_AXES = ("dp_replicate", "dp_shard")


def count_processes(config: Config, *, device: str, available: int) -> tuple[int, tuple[str, ...]]:
    """The number of processes, and notes on what was decided."""
    asked, strategy = config.engine.num_processes, config.strategy
    fixed, auto = fixed_product(strategy), auto_axis(strategy)
    if asked != "auto":
        return int(asked), ()
    if auto is None:
        return fixed, ()
    if device != "cpu":
        return max(available, fixed), ()
    limit = min(available, MAX_CPU_PROCESSES)
    # A core is no device: without a number to go by, an axis that a strategy is about gets two processes.
    least = 1 if auto == "dp_replicate" else 2
    size = _data_share(config, limit // fixed) if auto in _DATA_AXES else least
    processes = fixed * max(size, least)
    if processes > available:
        return processes, (f"{processes} processes share {available} cores; engine.num_processes sets another number",)
    if processes < limit:
        return processes, (
            f"{processes} of {available} cores start a process; engine.num_processes sets another number",
        )
    return processes, ()


def _data_share(config: Config, limit: int) -> int:
    """The most processes up to a limit along an automatic data axis, so that the batch divides."""
    batch, micro = config.trainer.global_batch_size, config.trainer.micro_batch_size
    others = [getattr(config.strategy, axis) for axis in _DATA_AXES]
    fixed = next((int(size) for size in others if size != "auto"), 1)
    return largest_share(batch, (1 if micro is None else micro) * fixed, max(limit, 1))


def processes_key(config: Config) -> str:
    """The key that decides how many processes there are."""
    return "engine.num_processes" if auto_axis(config.strategy) is not None else "strategy.dp_replicate"


def largest_share(batch: int, unit: int, limit: int) -> int:
    """The most processes up to a limit that can share the batch in whole units."""
    return largest_divisor(batch // unit if batch % unit == 0 else batch, limit)


def largest_divisor(number: int, limit: int) -> int:
    """The largest divisor of a number that is at most `limit`."""
    return next(divisor for divisor in range(min(number, limit), 0, -1) if number % divisor == 0)
