"""A sweep survives `kill -9` of anything: what goes on ends as what was never killed."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import psutil
import pytest

from launcher.sweeps.ledger import FINISHED
from tests.launcher.sweeps.harness import ENOUGH_S, SETTINGS, Place, family, states, wait_until

SLOW = (
    "trainer.seed=range(4)",
    "trainer.max_steps=40",
    "trainer.log_every_steps=1",
    "trainer.eval_every_steps=10",
    "model.pace_s=0.06",
    "checkpoint.every_steps=5",
    "engine.max_restarts=3",
)
ONE = tuple(word for word in SETTINGS if not word.startswith("engine.max_restarts"))


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Place:
    """The sweep that nobody kills."""
    made = Place(tmp_path_factory.mktemp("unbroken"), cache)
    made.end(made.begin(*SLOW, settings=ONE))
    return made


def assert_same(place: Place, unbroken: Place) -> None:
    assert states(place.trials()) == [FINISHED] * 4
    assert [trial.overrides for trial in place.trials()] == [trial.overrides for trial in unbroken.trials()]
    for trial in place.trials():
        run, whole = place.run(trial.number), unbroken.run(trial.number)
        assert [event["step"] for event in run.history()] == list(range(1, 41))
        assert [event["loss"] for event in run.history()] == [event["loss"] for event in whole.history()]
        assert trial.values == unbroken.trials()[trial.number].values


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_sweep_whose_sweeper_is_killed_goes_on(place: Place, unbroken: Place, seed: int) -> None:
    process = place.begin(*SLOW, settings=ONE)
    chance = random.Random(seed)
    number, step = chance.choice([0, 1, 2, 3]), chance.randrange(2, 35)  # long before its last, 40
    wait_until(lambda: (place.run(number).last_step() or 0) >= step, f"step {step} of trial {number}")
    time.sleep(chance.uniform(0.0, 0.06))
    below = family(process)
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(below, timeout=10)
    assert alive == []
    assert place.record.state == "lost"
    place.command("sweeps", "resume", "s")
    assert_same(place, unbroken)
    interrupted = [event for event in place.events("ended") if event["reason"] == "the sweep was killed"]
    assert sum(event["device_seconds"] for event in interrupted) > 0


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["trial", "warm worker"])
def test_a_sweep_whose_trial_or_warm_worker_is_killed_does_not_notice(
    place: Place, unbroken: Place, victim: str
) -> None:
    process = place.begin(*SLOW, settings=ONE)
    step = wait_until(lambda: place.run(1).last_step(), "a step")
    assert step < 40
    agents = psutil.Process(process.pid).children()
    of_agent = {agent.pid: agent.children() for agent in agents}
    if victim == "warm worker":
        agents[0].send_signal(signal.SIGKILL)
    else:
        next(iter(children for children in of_agent.values() if children))[0].send_signal(signal.SIGKILL)
    process.communicate(timeout=ENOUGH_S)
    assert process.returncode == 0
    assert_same(place, unbroken)
