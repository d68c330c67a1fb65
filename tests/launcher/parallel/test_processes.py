"""How many processes a run starts when it is not told."""

from __future__ import annotations

from typing import Any

import pytest

from launcher.parallel.processes import (
    MAX_CPU_PROCESSES,
    count_processes,
    largest_divisor,
    largest_share,
    processes_key,
)
from tests.launcher.parallel.configs import config


def count(device: str, available: int, **values: Any) -> int:
    values = {"strategy__dp_replicate": 1, **values}
    return count_processes(config(**values), device=device, available=available)[0]


def notes(available: int, **values: Any) -> tuple[str, ...]:
    return count_processes(config(**values), device="cpu", available=available)[1]


def test_a_number_that_was_asked_for_is_taken() -> None:
    assert count("cpu", 2, engine__num_processes=6, strategy__dp_shard="auto") == 6


def test_sizes_that_are_all_stated_decide() -> None:
    assert count("cpu", 2, strategy__pp=2, strategy__tp=3) == 6


def test_every_gpu_gets_a_process() -> None:
    assert count("cuda", 4, strategy__dp_shard="auto", strategy__tp=2) == 4


@pytest.mark.parametrize("axis", ["pp", "dp_shard", "cp", "tp"])
def test_an_axis_that_a_strategy_is_about_gets_two_processes_on_one_core(axis: str) -> None:
    assert count("cpu", 1, **{f"strategy__{axis}": "auto"}) == 2


def test_copies_alone_take_one_process_on_one_core() -> None:
    assert count("cpu", 1, strategy__dp_replicate="auto") == 1


def test_data_shares_take_the_cores_that_the_batch_divides_over() -> None:
    assert count("cpu", 8, strategy__dp_shard="auto", strategy__tp=2, trainer__global_batch_size=9) == 2 * 3


def test_a_cpu_with_many_cores_starts_a_limited_number() -> None:
    assert count("cpu", 64, strategy__dp_shard="auto", trainer__global_batch_size=64) == MAX_CPU_PROCESSES


def test_more_processes_than_cores_are_noted() -> None:
    assert notes(1, strategy__dp_replicate=1, strategy__tp="auto")[0].startswith("2 processes share 1 cores")


def test_cores_that_are_all_used_need_no_note() -> None:
    assert notes(2) == ()


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"strategy__dp_replicate": "auto"}, "engine.num_processes"),
        ({"strategy__dp_replicate": 2}, "strategy.dp_replicate"),
    ],
)
def test_the_key_that_decides_the_number_is_the_one_that_is_named(values: dict[str, Any], key: str) -> None:
    assert processes_key(config(**values)) == key


@pytest.mark.parametrize(("number", "limit", "divisor"), [(12, 5, 4), (7, 6, 1), (8, 8, 8), (8, 100, 8)])
def test_the_largest_divisor_is_within_the_limit(number: int, limit: int, divisor: int) -> None:
    assert largest_divisor(number, limit) == divisor


def test_a_share_is_of_whole_micro_batches() -> None:
    assert largest_share(24, 4, 8) == 6
