"""Shapes of the learning rate."""

from __future__ import annotations

from itertools import pairwise

import pytest

from launcher.config.schema import SchedulerConfig
from launcher.training.schedule import make_schedule

NAMES = ["constant", "linear", "cosine", "warmup_stable_decay"]
FALLING = NAMES[1:]


def rates(name: str, *, steps: int = 100, warmup: float = 0.1, decay: float = 0.2, final: float = 0.05) -> list[float]:
    """The fraction at each step."""
    config = SchedulerConfig(name=name, warmup_fraction=warmup, decay_fraction=decay, final_fraction=final)
    schedule = make_schedule(config, num_steps=steps)
    return [schedule(step) for step in range(steps)]


@pytest.mark.parametrize("name", NAMES)
def test_warmup_rises_by_the_same_amount_each_step_to_the_full_rate(name: str) -> None:
    assert rates(name)[:10] == pytest.approx([0.1 * step for step in range(1, 11)])


@pytest.mark.parametrize("name", NAMES)
def test_without_warmup_and_fall_the_first_step_has_the_full_rate(name: str) -> None:
    assert rates(name, warmup=0.0, steps=1000)[0] == pytest.approx(1.0, abs=1e-2)


@pytest.mark.parametrize("name", FALLING)
def test_the_last_step_has_the_final_fraction(name: str) -> None:
    assert rates(name)[-1] == pytest.approx(0.05)


@pytest.mark.parametrize("name", FALLING)
def test_after_the_warmup_the_rate_never_rises(name: str) -> None:
    assert all(before >= after for before, after in pairwise(rates(name)[9:]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_no_step_of_a_short_run_goes_up_or_beyond_the_full_rate(name: str, steps: int) -> None:
    assert all(0.0 <= rate <= 1.0 for rate in rates(name, steps=steps))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [2, 3])
def test_a_short_run_learns_at_its_first_step(name: str, steps: int) -> None:
    assert rates(name, steps=steps, warmup=0.05, final=0.0)[0] > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_run_of_one_step_learns(name: str) -> None:
    assert rates(name, steps=1, warmup=0.05, final=0.0)[0] > 0


def test_a_constant_rate_stays_after_its_warmup() -> None:
    assert set(rates("constant")[10:]) == {1.0}


def test_a_linear_rate_is_halfway_in_the_middle_of_its_fall() -> None:
    assert rates("linear", warmup=0.0, final=0.0)[49] == pytest.approx(0.5)


def test_a_cosine_rate_falls_slowly_at_both_ends_and_fastest_in_the_middle() -> None:
    falls = [before - after for before, after in pairwise(rates("cosine", warmup=0.0))]
    assert falls[49] == pytest.approx(max(falls), rel=1e-2)
    assert falls[0] < falls[49] / 10
    assert falls[-1] < falls[49] / 10


def test_a_stable_rate_stays_until_its_decay_begins() -> None:
    values = rates("warmup_stable_decay")
    assert set(values[10:80]) == {1.0}
    assert values[80] < 1.0


def test_the_decay_of_a_stable_rate_is_linear() -> None:
    falls = [before - after for before, after in pairwise(rates("warmup_stable_decay")[79:])]
    assert falls == pytest.approx([0.95 / 20] * 20)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_may_be_all_warmup(name: str) -> None:
    assert rates(name, warmup=1.0)[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("name", NAMES)
def test_a_rate_is_a_function_of_the_step_alone(name: str) -> None:
    config = SchedulerConfig(name=name, warmup_fraction=0.1, decay_fraction=0.2, final_fraction=0.0)
    schedule = make_schedule(config, num_steps=50)
    assert [schedule(step) for step in (40, 3, 40)] == [rates(name, steps=50, final=0.0)[step] for step in (40, 3, 40)]
