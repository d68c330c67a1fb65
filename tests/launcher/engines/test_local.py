"""The agent and the engines that share it, with workers that do what a test asks for."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from launcher.config.compose import compose, to_yaml
from launcher.config.validate import from_composed, resolve
from launcher.engines.engine import Outcome
from launcher.engines.local import Agents, LocalEngine, Share
from launcher.errors import EngineError
from launcher.parallel.devices import Devices
from launcher.parallel.plan import make_plan
from launcher.runs import Run

ENOUGH_S = 60.0
# What the attempt's file asks for is done; what the worker finds is written beside it.
WORKER = """
import json, os, signal, sys, time
from pathlib import Path

def main(run_path, attempt):
    asked = json.loads(Path(run_path, f"asked_{attempt}.json").read_text())
    if asked["deaf"]:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    found = {name: os.environ.get(name) for name in ("CUDA_VISIBLE_DEVICES", "LEFT_BEHIND", "RANK", "WORLD_SIZE")}
    found |= {"imported": "windlass_test_worker_part" in sys.modules, "pid": os.getpid()}
    os.environ["LEFT_BEHIND"] = "here"
    import windlass_test_worker_part
    print("from the worker", flush=True)
    part = Path(run_path, f"found_{attempt}.part")
    part.write_text(json.dumps(found))
    part.rename(part.with_suffix(".json"))
    time.sleep(asked["sleep_s"])
    os._exit(asked["code"])
"""


class Room:
    """A run's directory, and engines on one agent."""

    def __init__(self, run: Run, agents: Agents) -> None:
        self.run, self.agents, self._attempts = run, agents, 0

    def begin(
        self, *, code: int = 0, sleep_s: float = 0.0, deaf: bool = False, share: Share | None = None
    ) -> tuple[LocalEngine, int]:
        """An attempt, and its number."""
        self._attempts += 1
        asked = {"code": code, "sleep_s": sleep_s, "deaf": deaf}
        (self.run.path / f"asked_{self._attempts}.json").write_text(json.dumps(asked))
        engine = LocalEngine(agents=self.agents, share=share, grace_s=0.0)
        engine.start(self.run, "windlass_test_worker", attempt=self._attempts)
        return engine, self._attempts

    def found(self, attempt: int) -> dict[str, Any]:
        """What the worker of an attempt found, once it has begun."""
        path, deadline = self.run.path / f"found_{attempt}.json", time.monotonic() + ENOUGH_S
        while not path.exists():
            assert time.monotonic() < deadline, self.run.agent_log_path.read_text()
            time.sleep(0.01)
        return json.loads(path.read_text())


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agents]:
    """One agent, which finds our worker."""
    place = tmp_path_factory.mktemp("worker")
    (place / "windlass_test_worker.py").write_text(WORKER)
    (place / "windlass_test_worker_part.py").touch()
    sys.path.insert(0, str(place))
    made = Agents(thorough=False)
    made.get()
    yield made
    made.close()
    sys.path.remove(str(place))


@pytest.fixture
def room(tmp_path: Path, agents: Agents) -> Room:
    composed = compose(["model=linear", "dataset=iris", "engine.num_processes=1"])
    run = Run(tmp_path / "run")
    run.logs_dir.mkdir(parents=True)
    run.config_path.write_text(to_yaml(resolve(composed, {"num_features": 4, "num_outputs": 3})))
    make_plan(from_composed(composed), Devices(cpu_cores=1)).save(run.plan_path)
    return Room(run, agents)


def outcome(engine: LocalEngine) -> Outcome:
    found = engine.poll(ENOUGH_S)
    assert found is not None
    return found


def test_attempts_are_served_at_once_and_each_tells_its_own_end(room: Room) -> None:
    slow, first = room.begin(code=3, sleep_s=1.0)
    fast, second = room.begin()
    assert outcome(fast) == Outcome(exit_code=0, attempt=second)
    assert slow.poll(0.0) is None
    assert outcome(slow) == Outcome(exit_code=3, attempt=first, failed_rank=0)


def test_nothing_of_a_worker_reaches_the_next(room: Room) -> None:
    for _ in range(2):
        engine, attempt = room.begin()
        outcome(engine)
        found = room.found(attempt)
        assert (found["LEFT_BEHIND"], found["imported"]) == (None, False)
        assert (found["RANK"], found["WORLD_SIZE"]) == ("0", "1")


def test_a_share_says_which_gpus_its_workers_see_and_no_other(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    share = Share(devices=Devices(cpu_cores=1, cuda=2), visible=("2", "GPU-5"))
    sharing, first = room.begin(share=share)
    other, second = room.begin()
    assert sharing.devices("auto") == share.devices
    outcome(sharing), outcome(other)
    assert room.found(first)["CUDA_VISIBLE_DEVICES"] == "2,GPU-5"
    assert room.found(second)["CUDA_VISIBLE_DEVICES"] == os.environ.get("CUDA_VISIBLE_DEVICES")


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, -15), (signal.SIGKILL, -9)])
def test_a_signal_reaches_the_workers_of_one_engine_alone(room: Room, signum: int, code: int) -> None:
    ended, first = room.begin(sleep_s=60.0)
    other, second = room.begin(sleep_s=2.0)
    room.found(first), room.found(second)
    ended.interrupt(signum)
    assert outcome(ended).exit_code == code
    assert outcome(other).exit_code == 0


def test_a_worker_that_does_not_leave_is_killed_after_the_time_of_grace(room: Room) -> None:
    engine, attempt = room.begin(sleep_s=60.0, deaf=True)
    room.found(attempt)
    engine.interrupt(signal.SIGTERM)
    assert outcome(engine).exit_code == -9


def test_an_attempt_whose_check_finds_a_reason_is_refused(room: Room) -> None:
    config = room.run.config_path.read_text()
    room.run.config_path.write_text(config.replace("init_from: null", "init_from: /nowhere"))
    engine, attempt = room.begin()
    refused = outcome(engine)
    assert (refused.exit_code, refused.attempt, refused.failed_rank) == (2, attempt, None)
    assert "/nowhere is of another model" in (refused.refused or "")


def test_what_is_printed_goes_to_the_log_of_the_attempt(room: Room) -> None:
    engine, _ = room.begin()
    outcome(engine)
    assert "from the worker" in room.run.agent_log_path.read_text()


def test_an_engine_that_closes_ends_its_workers_and_leaves_the_agent(room: Room) -> None:
    engine, attempt = room.begin(sleep_s=60.0)
    worker = psutil.Process(room.found(attempt)["pid"])
    engine.close()
    assert psutil.wait_procs([worker], timeout=ENOUGH_S)[1] == []
    assert room.agents.get().alive


def test_an_agent_that_is_killed_takes_its_workers_along_and_another_one_begins(room: Room) -> None:
    engine, attempt = room.begin(sleep_s=60.0)
    worker = psutil.Process(room.found(attempt)["pid"])
    agent = worker.parent()
    assert agent is not None
    agent.kill()
    assert outcome(engine).exit_code == -9
    assert psutil.wait_procs([worker], timeout=ENOUGH_S)[1] == []
    again, _ = room.begin()
    assert outcome(again).exit_code == 0


def test_an_agent_that_is_gone_takes_no_request(room: Room) -> None:
    gone = Agents(thorough=False)
    agent = gone.get()
    gone.close()
    with pytest.raises(EngineError, match="ended before it was given the run"):
        agent.ask(room.run, "windlass_test_worker", 1, {})


def test_device_time_counts_from_the_first_worker_on(room: Room) -> None:
    assert LocalEngine(agents=room.agents).seconds == 0.0
    engine, attempt = room.begin(sleep_s=0.5)
    room.found(attempt)
    outcome(engine)
    assert engine.seconds > 0.5
