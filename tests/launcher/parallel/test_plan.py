"""Batch and process arithmetic, and refusals that say what to type."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from launcher.errors import RequestError
from launcher.parallel.devices import Devices
from launcher.parallel.plan import Plan, make_plan
from launcher.parallel.processes import MAX_CPU_PROCESSES
from tests.launcher.parallel.configs import TWO_CORES, config


def plan(devices: Devices = TWO_CORES, **values: Any) -> Plan:
    return make_plan(config(**values), devices)


def refusal(devices: Devices = TWO_CORES, **values: Any) -> str:
    with pytest.raises(RequestError) as error:
        make_plan(config(**values), devices)
    return str(error.value)


def test_processes_accumulation_and_micro_batch_make_up_the_global_batch() -> None:
    for processes, share, micro in product((1, 2, 3, 8), (1, 4, 6, 12), (None, 1, 2)):
        if micro is not None and share % micro:
            continue
        made = plan(
            engine__num_processes=processes,
            trainer__global_batch_size=processes * share,
            trainer__micro_batch_size=micro,
        )
        assert made.num_processes * made.accumulation * made.micro_batch_size == processes * share


def test_without_a_micro_batch_size_nothing_is_accumulated() -> None:
    made = plan(engine__num_processes=2, trainer__global_batch_size=12)
    assert (made.micro_batch_size, made.accumulation) == (6, 1)


def test_accumulation_follows_from_the_micro_batch_size() -> None:
    made = plan(engine__num_processes=2, trainer__global_batch_size=12, trainer__micro_batch_size=2)
    assert made.accumulation == 3


def test_a_cpu_gets_a_process_for_each_core() -> None:
    assert plan(Devices(cpu_cores=4)).num_processes == 4


def test_a_cpu_with_many_cores_gets_a_limited_number_of_processes_that_share_them() -> None:
    made = plan(Devices(cpu_cores=64))
    assert (made.num_processes, made.threads) == (MAX_CPU_PROCESSES, 64 // MAX_CPU_PROCESSES)


def test_cores_that_the_batch_does_not_divide_over_are_left_out_with_a_note() -> None:
    made = plan(Devices(cpu_cores=4), trainer__global_batch_size=9)
    assert made.num_processes == 3
    assert len(made.notes) == 1
    assert "3 of 4 cores start a process" in made.notes[0]


def test_a_batch_of_one_sample_runs_in_one_process() -> None:
    assert plan(trainer__global_batch_size=1).num_processes == 1


def test_a_process_starts_for_each_gpu() -> None:
    made = plan(Devices(cpu_cores=16, cuda=4))
    assert (made.device, made.num_processes, made.threads) == ("cuda", 4, 4)


def test_the_cpu_can_be_chosen_where_there_is_a_gpu() -> None:
    assert plan(Devices(cpu_cores=2, cuda=4), engine__device="cpu").device == "cpu"


def test_threads_are_never_none_where_processes_outnumber_cores() -> None:
    assert plan(engine__num_processes=4).threads == 1


def test_replicas_of_a_strategy_are_the_processes() -> None:
    assert plan(Devices(cpu_cores=4), strategy__dp_replicate=1).num_processes == 1


def test_a_single_process_gets_every_core() -> None:
    assert plan(Devices(cpu_cores=64), strategy__dp_replicate=1).threads == 64


def test_a_plan_that_was_written_is_read_back_the_same(tmp_path: Path) -> None:
    made = plan(Devices(cpu_cores=4), trainer__global_batch_size=9)
    made.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json") == made


def test_a_batch_that_does_not_divide_over_the_processes_is_refused_with_key_and_value() -> None:
    assert "trainer.global_batch_size=32 does not divide over 3 processes" in refusal(engine__num_processes=3)


def test_a_micro_batch_that_does_not_divide_the_share_is_refused_with_key_and_value() -> None:
    assert "trainer.micro_batch_size=3 does not divide the 16 samples" in refusal(
        engine__num_processes=2, trainer__micro_batch_size=3
    )


def test_a_device_that_is_not_there_is_refused_with_those_that_are() -> None:
    message = refusal(engine__device="cuda")
    assert "engine.device=cuda but this machine has none; it has cpu" in message


def test_more_processes_than_gpus_are_refused_with_their_number() -> None:
    message = refusal(Devices(cpu_cores=8, cuda=2), engine__num_processes=4)
    assert "engine.num_processes=4 but this machine has 2 cuda device(s)" in message


def test_axes_that_need_more_gpus_than_there_are_are_refused_with_the_equation() -> None:
    message = refusal(Devices(cpu_cores=8, cuda=2), strategy__name="tp", strategy__dp_replicate=1, strategy__tp=4)
    assert "strategy=tp: pp*dp_replicate*dp_shard*cp*tp = 1*1*1*1*4 needs 4 processes" in message
    assert "2 cuda device(s)" in message


def test_half_precision_without_a_gpu_is_refused_with_key_and_value() -> None:
    assert "trainer.precision=fp16 needs a GPU" in refusal(trainer__precision="fp16")


def test_processes_that_are_not_those_of_the_strategy_are_refused_with_both() -> None:
    message = refusal(engine__num_processes=2, strategy__name="single", strategy__dp_replicate=1)
    assert "strategy=single" in message
    assert "2 processes" in message


WRONG: dict[str, tuple[Devices, dict[str, Any]]] = {
    "batch over processes": (TWO_CORES, {"engine__num_processes": 3}),
    "batch smaller than processes": (TWO_CORES, {"engine__num_processes": 5, "trainer__global_batch_size": 3}),
    "micro batch": (TWO_CORES, {"engine__num_processes": 2, "trainer__micro_batch_size": 5}),
    "micro batch larger than a share": (TWO_CORES, {"engine__num_processes": 2, "trainer__micro_batch_size": 32}),
    "device": (TWO_CORES, {"engine__device": "cuda"}),
    "processes over GPUs": (Devices(cpu_cores=8, cuda=2), {"engine__num_processes": 4}),
    "batch over GPUs": (Devices(cpu_cores=8, cuda=3), {}),
    "precision": (TWO_CORES, {"trainer__precision": "fp16"}),
    "strategy": (TWO_CORES, {"engine__num_processes": 2, "strategy__name": "two", "strategy__dp_replicate": 1}),
    "batch and micro batch over processes": (
        TWO_CORES,
        {"engine__num_processes": 5, "trainer__global_batch_size": 12, "trainer__micro_batch_size": 4},
    ),
    "batch over replicas": (TWO_CORES, {"strategy__name": "three", "strategy__dp_replicate": 3}),
    "replicas over GPUs": (Devices(cpu_cores=8, cuda=2), {"strategy__name": "four", "strategy__dp_replicate": 4}),
}


@pytest.mark.parametrize("case", WRONG)
def test_each_override_that_a_refusal_names_works_by_itself(case: str) -> None:
    devices, values = WRONG[case]
    _, _, advice = refusal(devices, **values).rpartition("; ")
    overrides = re.findall(r"([a-z]+)\.([a-z_]+)=(\w+)", advice)
    assert overrides
    for section, key, value in overrides:
        mended = values | {f"{section}__{key}": int(value) if value.isdigit() else value}
        assert isinstance(plan(devices, **mended), Plan), f"{section}.{key}={value}"


def test_a_micro_batch_that_was_asked_for_decides_how_many_cores_start_a_process() -> None:
    made = plan(trainer__global_batch_size=8, trainer__micro_batch_size=8)
    assert (made.num_processes, made.micro_batch_size) == (1, 8)
