"""Runs that end badly, for real: each ends with its root cause."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import launcher
from launcher.runs import Run, list_runs

Train = Callable[..., Run]

MODEL = '''
import os, signal, time, torch
from torch import nn

class Faulty(nn.Module):
    """A linear model that goes wrong at its third training step."""

    def __init__(self, *, num_features, num_outputs, fault, rank=0):
        super().__init__()
        self.layer = nn.Linear(num_features, num_outputs)
        self.fault, self.rank, self.calls = fault, rank, 0

    def forward(self, inputs):
        self.calls += self.training
        if self.calls == 3 and int(os.environ.get("RANK", 0)) == self.rank:
            if self.fault == "raise":
                raise ValueError("the third step is cursed")
            if self.fault == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.fault == "hang":
                time.sleep(300)
            if self.fault == "poison":
                return self.layer(inputs) * float("nan")
            if self.fault == "memory":
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return self.layer(inputs)
'''

YAML = """
_target_: faulty_model.Faulty
num_features: ${data.num_features}
num_outputs: ${data.num_outputs}
fault: none
rank: 0
"""


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's own directory, outside the repository, with a model and its yaml."""
    (tmp_path / "faulty_model.py").write_text(MODEL)
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "faulty.yaml").write_text(YAML)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "conf"


def fail(train: Train, conf: Path, *overrides: str) -> Run:
    base = ["model=faulty", "dataset=iris", "trainer.max_epochs=3", "engine.num_processes=2"]
    return train(*base, *overrides, state="failed", config_dir=conf)


@pytest.mark.parametrize("rank", [0, 1])
def test_an_exception_is_blamed_on_the_rank_that_raised_it(train: Train, conf: Path, rank: int) -> None:
    failure = fail(train, conf, "model.fault=raise", f"model.rank={rank}").failure
    assert (failure["cause"], failure["rank"], failure["step"]) == ("user code", rank, 3)
    assert "the third step is cursed" in failure["traceback"]


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_worker_is_the_cause_and_not_its_peer_s_broken_connection(train: Train, conf: Path, rank: int) -> None:
    failure = fail(train, conf, "model.fault=kill", f"model.rank={rank}").failure
    assert (failure["cause"], failure["rank"]) == ("killed by the system (host memory)", rank)


def test_a_non_finite_loss_names_step_and_parameter(train: Train, conf: Path) -> None:
    failure = fail(train, conf, "model.fault=poison").failure
    assert failure["cause"] == "non-finite loss"
    assert failure["step"] == 3
    assert "layer.weight" in failure["message"]
    assert "optimizer.lr" in failure["advice"]


def test_out_of_memory_on_a_device_asks_for_a_smaller_micro_batch(train: Train, conf: Path) -> None:
    failure = fail(train, conf, "model.fault=memory").failure
    assert failure["cause"] == "out of memory on device"
    assert "trainer.micro_batch_size" in failure["advice"]


def test_a_restart_gives_a_second_attempt_with_its_own_logs(train: Train, conf: Path) -> None:
    run = fail(train, conf, "model.fault=raise", "engine.max_restarts=3")
    assert run.attempts() == [0, 1]  # the same error twice: no third
    assert run.failure["attempt"] == 1


def test_a_failed_run_leaves_no_process_behind(train: Train, conf: Path) -> None:
    before = psutil.Process().children(recursive=True)
    fail(train, conf, "model.fault=kill")
    assert psutil.Process().children(recursive=True) == before


@pytest.mark.usefixtures("interruptible")
def test_interrupting_the_caller_stops_the_run_and_leaves_no_process() -> None:
    before = psutil.Process().children(recursive=True)

    def interrupt_once_training() -> None:
        while not (list_runs() and list_runs()[-1].history()):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt_once_training, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        launcher.train(["model=mlp", "dataset=digits", "tracker=none", "trainer.max_epochs=100000"], quiet=True)
    run = list_runs()[-1]
    assert (run.state, run.job["exit_code"]) == ("stopped", 130)
    assert psutil.Process().children(recursive=True) == before


@pytest.mark.usefixtures("interruptible")
def test_a_second_interruption_ends_workers_that_do_not_leave_and_all_below_them(train: Train, conf: Path) -> None:
    before, family = psutil.Process().children(recursive=True), list[psutil.Process]()

    def interrupt_twice() -> None:
        while not (list_runs() and list_runs()[-1].last_step() == 2):
            time.sleep(0.05)
        family.extend(child for child in psutil.Process().children(recursive=True) if child not in before)
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)

    threading.Thread(target=interrupt_twice, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        fail(train, conf, "model.fault=hang", "trainer.log_every_steps=1")
    assert list_runs()[-1].state == "stopped"
    assert len(family) > 2
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
