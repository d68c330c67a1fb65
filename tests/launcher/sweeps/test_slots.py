"""Devices that trials share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from launcher.config.multirun import Multirun
from launcher.errors import RequestError
from launcher.parallel.devices import Devices
from launcher.sweeps.slots import Pool, Slots

FOUR_GPUS = Devices(cpu_cores=16, cuda=4)


@pytest.fixture
def pool(ask: Callable[..., Multirun]) -> Callable[..., Pool]:
    def make(devices: Devices = FOUR_GPUS, kind: str = "cuda", **settings: Any) -> Pool:
        return Pool(replace(ask().settings, **settings), devices, kind)

    return make


def taken(pool: Pool, processes: int) -> Slots:
    slots = pool.take(processes)
    assert slots is not None
    return slots


def test_each_trial_sees_its_own_gpus_and_those_alone(pool: Callable[..., Pool]) -> None:
    gpus = pool()
    first, second = taken(gpus, 1), taken(gpus, 2)
    assert (first.ids, second.ids) == (("0",), ("1", "2"))
    assert second.share.environment == {"CUDA_VISIBLE_DEVICES": "1,2"}
    assert second.share.devices == Devices(cpu_cores=16, cuda=2)


def test_without_room_nothing_is_taken(pool: Callable[..., Pool]) -> None:
    gpus = pool(slots=3)
    big = taken(gpus, 2)
    assert gpus.take(2) is None
    assert gpus.num_free == 1
    gpus.give_back(big)
    assert taken(gpus, 2).ids == ("0", "1")


def test_several_trials_share_a_device_where_that_is_asked_for_the_emptiest_first(pool: Callable[..., Pool]) -> None:
    gpus = pool(slots=2, trials_per_device=2)
    assert [taken(gpus, 1).ids for _ in range(4)] == [("0",), ("1",), ("0",), ("1",)]
    assert gpus.take(1) is None


def test_devices_may_be_named(pool: Callable[..., Pool]) -> None:
    assert taken(pool(slots=[3, 1]), 2).share.environment == {"CUDA_VISIBLE_DEVICES": "3,1"}


def test_cores_are_divided_among_the_slots(pool: Callable[..., Pool]) -> None:
    eight = Devices(cpu_cores=8)
    slots = taken(pool(eight, "cpu", slots=2), 1)
    assert (slots.share.devices, slots.share.environment) == (Devices(cpu_cores=4), {})
    assert taken(pool(eight, "cpu"), 2).share.devices == Devices(cpu_cores=2)
    shared = pool(eight, "cpu", slots=2, trials_per_device=2)
    assert shared.devices(1) == taken(shared, 1).share.devices == Devices(cpu_cores=2)


@pytest.mark.parametrize(
    ("slots", "said"), [(5, "sweep.slots=5, but this machine has 4 cuda"), ([0, 7], "names cuda 7")]
)
def test_devices_that_are_not_there_are_refused(pool: Callable[..., Pool], slots: Any, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        pool(slots=slots)


def test_a_trial_that_never_fits_is_refused(pool: Callable[..., Pool]) -> None:
    with pytest.raises(RequestError, match=r"needs 5 devices .* use engine.num_processes=4 or fewer"):
        pool().refuse(5)
    pool().refuse(4)
