"""Rates, by a clock that the test sets."""

from __future__ import annotations

import time

import pytest
import torch

from launcher.training.meter import Meter, peak_memory_bytes


class Clock:
    """Stands still unless it is told to go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", clock)
    return clock


def meter(*, tokens: int | None = None, flops: float | None = None, peak: float | None = None) -> Meter:
    made = Meter(num_steps=10, tokens_per_sample=tokens, flops_per_sample=flops, peak_flops=peak)
    made.resume()
    return made


def test_samples_per_second_are_those_since_the_last_reading(clock: Clock) -> None:
    made = meter()
    made.count(8)
    clock.now += 1.0
    made.read()
    made.count(8)
    made.count(4)
    clock.now += 2.0
    assert made.read()["samples_per_second"] == pytest.approx(6.0)


def test_tokens_per_second_are_samples_times_their_tokens(clock: Clock) -> None:
    made = meter(tokens=100)
    made.count(8)
    clock.now += 2.0
    assert made.read()["tokens_per_second"] == pytest.approx(400.0)


def test_tables_have_no_tokens_per_second(clock: Clock) -> None:
    assert "tokens_per_second" not in meter().read()


def test_utilisation_is_the_work_done_over_what_all_devices_could_do(clock: Clock) -> None:
    made = meter(flops=50.0, peak=1000.0)
    made.count(4)
    clock.now += 0.5
    assert made.read()["mfu"] == pytest.approx(0.4)


@pytest.mark.parametrize(("flops", "peak"), [(None, 1000.0), (50.0, None)])
def test_utilisation_is_left_out_where_it_is_not_known(flops: float | None, peak: float | None, clock: Clock) -> None:
    assert "mfu" not in meter(flops=flops, peak=peak).read()


def test_time_left_is_at_the_pace_of_the_whole_run(clock: Clock) -> None:
    made = meter()
    for seconds in (3.0, 1.0):
        made.count(8)
        clock.now += seconds
        made.read()
    assert made.read()["seconds_left"] == pytest.approx(8 * 2.0)


def test_no_time_is_left_after_the_last_step(clock: Clock) -> None:
    made = meter()
    for _ in range(10):
        made.count(8)
        clock.now += 1.0
    assert made.read()["seconds_left"] == pytest.approx(0.0)


def test_what_happens_between_a_reading_and_resuming_is_not_counted(clock: Clock) -> None:
    made = meter()
    made.count(8)
    clock.now += 1.0
    made.read()
    clock.now += 60.0
    made.resume()
    made.count(8)
    clock.now += 1.0
    made.read()
    assert made.totals() == pytest.approx({"samples_per_second": 8.0, "train_seconds": 2.0})


def test_totals_are_over_the_whole_run(clock: Clock) -> None:
    made = meter(tokens=10)
    for seconds in (1.0, 3.0):
        made.count(8)
        clock.now += seconds
        made.read()
    assert made.totals() == pytest.approx({"samples_per_second": 4.0, "tokens_per_second": 40.0, "train_seconds": 4.0})


def test_reading_twice_at_once_divides_by_nothing(clock: Clock) -> None:
    assert meter().read()["samples_per_second"] == 0.0


def test_peak_memory_grows_with_what_a_process_holds() -> None:
    cpu = torch.device("cpu")
    before = peak_memory_bytes(cpu)
    held = bytearray(before + 2**24)
    assert peak_memory_bytes(cpu) >= len(held)
