"""What no trial could run is refused before the first one starts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from omegaconf import DictConfig

from launcher.config.composer import Composer
from launcher.config.multirun import Multirun
from launcher.config.validate import from_composed
from launcher.errors import RequestError
from launcher.parallel.devices import find_devices
from launcher.sweeps.check import check_sweep, num_devices

Ask = Callable[..., Multirun]


def composed(asked: Multirun, *overrides: str) -> DictConfig:
    return Composer(asked.place, asked.fixed).compose(overrides)


def test_trials_share_the_devices_that_were_asked_for(ask: Ask) -> None:
    pool = check_sweep(ask("trainer.seed=0,1", "engine.device=cpu", "sweep.slots=1"))
    assert (pool.kind, pool.ids) == ("cpu", ("0",))


@pytest.mark.parametrize("given", ["engine.num_processes=2", "strategy=fsdp strategy.dp_shard=2"])
def test_a_trial_asks_for_the_processes_that_it_is_given_or_its_mesh_needs(ask: Ask, given: str) -> None:
    assert num_devices(from_composed(composed(ask())), "cpu") == 1
    assert num_devices(from_composed(composed(ask(), *given.split(), "engine.device=cpu")), "cpu") == 2


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("trainer.global_batch_size=16,0", "trainer.global_batch_size=0"),
        ("trainer.seed=0,x", "trainer.seed=x"),
        ("optimizer=adamw,adamm", "optimizer=adamm"),
        ("engine.num_processes=1,99", "a trial needs 99 devices"),
    ],
)
def test_each_value_is_looked_at(ask: Ask, override: str, said: str) -> None:
    with pytest.raises(RequestError) as refusal:
        check_sweep(ask(override, "sweep.slots=1"))
    assert said in str(refusal.value)


@pytest.mark.parametrize("interval", ["int(interval(0,8))", "int(interval(1,99))"])
def test_both_ends_of_an_interval_are_looked_at(ask: Ask, interval: str) -> None:
    with pytest.raises(RequestError, match=r"engine\.num_processes"):
        check_sweep(ask(f"engine.num_processes={interval}", "sweep=random", "sweep.slots=1"))


def test_of_many_values_the_last_is_looked_at(ask: Ask) -> None:
    last = find_devices("cpu").cpu_cores + 40
    with pytest.raises(RequestError, match=f"a trial needs {last} devices"):
        check_sweep(ask(f"engine.num_processes=range(1,{last + 1})", "engine.device=cpu"))


@pytest.mark.parametrize("name", ["a/b", "-s", "s" * 62])
def test_a_name_that_no_run_can_have_is_refused(ask: Ask, name: str) -> None:
    with pytest.raises(RequestError, match=f"run_id={name}-000 must be up to 64 letters"):
        check_sweep(ask("trainer.seed=0,1", f"run_id={name}"))


def test_halving_needs_evaluations_unless_it_compares_what_each_step_reports(ask: Ask) -> None:
    asked = ("sweep=asha", "trainer.seed=0,1", "trainer.eval_every_steps=null")
    with pytest.raises(RequestError, match=r"sweep=asha compares trials .* use trainer.eval_every_steps=50"):
        check_sweep(ask(*asked))
    assert check_sweep(ask(*asked, "sweep.metric=train/loss")).size >= 1
