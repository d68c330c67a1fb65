"""Which processes go on where devices or memory are gone."""

from __future__ import annotations

import pytest

from launcher.errors import RequestError
from launcher.jobs.replan import fewer_processes, plan_again
from launcher.parallel.devices import Devices
from launcher.parallel.plan import make_plan
from tests.launcher.parallel.configs import TWO_CORES, config


def gpus(count: int) -> Devices:
    return Devices(cpu_cores=8, cuda=count)


def test_fewer_devices_give_a_smaller_plan_of_the_same_batch() -> None:
    wide = config(engine__min_processes=1, trainer__global_batch_size=32)
    plan = make_plan(wide, gpus(4))
    smaller = fewer_processes(wide, plan, gpus(3), one_less=False)
    assert smaller is not None
    assert (plan.num_processes, smaller.num_processes, smaller.global_batch_size) == (4, 2, 32)  # 3 do not divide it


def test_the_same_devices_change_nothing() -> None:
    wide = config(engine__min_processes=1)
    assert fewer_processes(wide, make_plan(wide, gpus(4)), gpus(4), one_less=False) is None


@pytest.mark.parametrize("least", [None, 3])
def test_fewer_processes_than_were_allowed_are_not_planned(least: int | None) -> None:
    wide = config(engine__min_processes=least)
    assert fewer_processes(wide, make_plan(wide, gpus(4)), gpus(2), one_less=False) is None


def test_processes_that_were_killed_twice_become_fewer() -> None:
    pair = config(engine__min_processes=1, engine__device="cpu", engine__num_processes=2)
    plan = make_plan(pair, TWO_CORES)
    assert fewer_processes(pair, plan, TWO_CORES, one_less=False) is None
    smaller = fewer_processes(pair, plan, TWO_CORES, one_less=True)
    assert smaller is not None
    assert smaller.num_processes == 1


def test_a_mesh_that_can_not_shrink_is_kept() -> None:
    fixed = config(engine__min_processes=1, engine__device="cpu", strategy__tp=2, strategy__dp_replicate=1)
    assert fewer_processes(fixed, make_plan(fixed, TWO_CORES), TWO_CORES, one_less=True) is None


def test_a_run_goes_on_as_configured_where_the_devices_are_there() -> None:
    four = config(engine__min_processes=1, engine__num_processes=4)
    assert plan_again(four, gpus(4)) == make_plan(four, gpus(4))


def test_a_run_goes_on_with_the_devices_that_are_left_and_says_so() -> None:
    four = config(engine__min_processes=1, engine__num_processes=4, engine__device="cuda")
    plan = plan_again(four, gpus(3))
    assert (plan.num_processes, plan.device, plan.global_batch_size) == (2, "cuda", 32)
    assert "engine.min_processes=1" in plan.notes[-1]


@pytest.mark.parametrize("least", [None, 3])
def test_fewer_devices_than_were_allowed_are_refused(least: int | None) -> None:
    four = config(engine__min_processes=least, engine__num_processes=4, engine__device="cuda")
    with pytest.raises(RequestError, match=r"engine\.num_processes=4 but this machine has 2 cuda"):
        plan_again(four, gpus(2))
