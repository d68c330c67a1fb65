"""Batch arithmetic: what one process holds at once, and how often it does so in a step."""

from __future__ import annotations

from launcher.config.schema import Config
from launcher.errors import RequestError
from launcher.parallel.axes import Axes
from launcher.parallel.processes import largest_divisor, largest_share, processes_key

TWO_STAGES_A_PROCESS = (
    "looped_bfs",
    "interleaved_1f1b",
    "interleaved_zero_bubble",
    "zbv_zero_bubble",
    "dualpipev",
)


def divide_batch(config: Config, axes: Axes) -> tuple[int, int]:
    """Micro batch size and micro batches a step of one process.

    Raises:
        RequestError: the global batch does not divide over the data axes, or its share not into micro batches.
    """
    batch, micro = config.trainer.global_batch_size, config.trainer.micro_batch_size
    unit = 1 if micro is None else micro
    if batch % axes.num_data != 0:
        raise RequestError(_uneven(config, axes, unit))
    share = batch // axes.num_data
    if axes.pp > 1:
        return _pipeline_batches(config, axes, share)
    micro = share if micro is None else micro
    if share % micro != 0:
        raise RequestError(_uneven_share(config, axes, share, micro))
    return micro, share // micro


def _uneven(config: Config, axes: Axes, unit: int) -> str:
    batch, data = config.trainer.global_batch_size, axes.num_data
    use = f"use trainer.global_batch_size={max(data * unit, round(batch / (data * unit)) * data * unit)}"
    if axes.only_replicates:
        fewer = f" or {processes_key(config)}={largest_share(batch, unit, data)}" if batch % unit == 0 else ""
        return f"trainer.global_batch_size={batch} does not divide over {data} processes; {use}{fewer}"
    return (
        f"trainer.global_batch_size={batch} does not divide over dp_replicate*dp_shard = "
        f"{axes.dp_replicate}*{axes.dp_shard} = {data} data shares; {use}"
    )


def _uneven_share(config: Config, axes: Axes, share: int, micro: int) -> str:
    return (
        f"trainer.micro_batch_size={micro} does not divide the {share} samples that each of {axes.num_data} "
        f"{'processes' if axes.only_replicates else 'data shares'} takes of "
        f"trainer.global_batch_size={config.trainer.global_batch_size}; "
        f"use trainer.micro_batch_size={largest_divisor(share, micro)}"
    )


def _pipeline_batches(config: Config, axes: Axes, share: int) -> tuple[int, int]:
    """In a pipeline the micro batches that are accumulated are those that flow through it."""
    micro, asked = config.trainer.micro_batch_size, config.strategy.pp_microbatches
    if micro is not None and share % micro != 0:
        raise RequestError(_uneven_share(config, axes, share, micro))
    if asked != "auto" and share % int(asked) != 0:
        raise RequestError(
            f"strategy.pp_microbatches={asked} does not divide the {share} samples that each of {axes.num_data} "
            f"pipelines takes of trainer.global_batch_size={config.trainer.global_batch_size}; "
            f"use strategy.pp_microbatches={largest_divisor(share, int(asked))}"
        )
    if micro is not None and asked != "auto" and share // micro != asked:
        raise RequestError(
            f"trainer.micro_batch_size={micro} makes {share // micro} micro batches of the {share} samples of a "
            f"pipeline, but strategy.pp_microbatches={asked}; use trainer.micro_batch_size={share // int(asked)} "
            "or strategy.pp_microbatches=auto"
        )
    count = share // micro if micro is not None else _num_microbatches(config, axes, share)
    least = least_microbatches(config.strategy.pp_schedule, axes.pp)
    rounds = max(1, count // axes.pp)
    interleaved = config.strategy.pp_schedule in ("interleaved_1f1b", "interleaved_zero_bubble")
    if count < least or (interleaved and count % rounds != 0):
        rule = f"at least {least}" + (f", best a multiple of {axes.pp}," if interleaved else "")
        wanted = max(least, count // axes.pp * axes.pp)
        raise RequestError(
            f"strategy.pp_schedule={config.strategy.pp_schedule} over pp={axes.pp} stages needs {rule} micro batches "
            f"a step, but there are {count} (trainer.global_batch_size={config.trainer.global_batch_size} over "
            f"{axes.num_data} pipelines of micro batches of {share // count}); use "
            f"trainer.global_batch_size={wanted * axes.num_data * (micro or 1)} trainer.micro_batch_size={micro or 1}"
        )
    return share // count, count


def least_microbatches(schedule: str, stages: int) -> int:
    """The fewest micro batches with which a schedule keeps every process busy, or runs at all."""
    return 2 * stages if schedule == "dualpipev" else stages


def _num_microbatches(config: Config, axes: Axes, share: int) -> int:
    asked = config.strategy.pp_microbatches
    if asked != "auto":
        return int(asked)
    # Two a stage keep the bubble under a third; interleaved schedules want a multiple of the stages.
    divisors = [number for number in range(1, share + 1) if share % number == 0]
    fitting = [number for number in divisors if number >= 2 * axes.pp and number % axes.pp == 0]
    return min(fitting, default=divisors[-1])
