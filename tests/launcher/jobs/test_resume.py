"""Runs that are broken off and go on, for real: nothing of them is lost, and nothing is learnt twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

import launcher
from launcher.checkpoints.marker import published
from launcher.config.compose import compose
from launcher.errors import RequestError
from launcher.jobs.check import check_job, check_rows
from launcher.jobs.job import resume_job
from launcher.jobs.resume import claimed
from launcher.jobs.view import View
from launcher.runs import Run, read_json, write_json

MODEL = '''
import os, signal, time
from pathlib import Path
from torch import nn

class Fragile(nn.Module):
    """Raises once at its sixth step, is killed once at the fifth after that, and is slow for as long as it is told."""

    def __init__(self, *, num_features, num_outputs, faults):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(num_features, 8), nn.Dropout(0.3), nn.Linear(8, num_outputs))
        self.faults, self.calls = Path(faults), 0

    def forward(self, inputs):
        self.calls += self.training
        if os.environ["RANK"] == "1" and self.training:
            if self.calls == 6 and self.takes("raise"):
                raise ValueError("bad luck")
            if self.calls == 5 and not (self.faults / "raise").exists() and self.takes("kill"):
                os.kill(os.getpid(), signal.SIGKILL)
        if (self.faults / "slow").exists():
            time.sleep(0.2)
        return self.layers(inputs)

    def takes(self, fault):
        there = (self.faults / fault).exists()
        (self.faults / fault).unlink(missing_ok=True)
        return there
'''
YAML = """
_target_: fragile_model.Fragile
num_features: ${data.num_features}
num_outputs: ${data.num_outputs}
faults: ???
"""
SETTINGS = [
    "model=fragile",
    "dataset=iris",
    "tracker=none",
    "engine.num_processes=2",
    "trainer.global_batch_size=16",
    "trainer.max_steps=10",
    "trainer.max_epochs=null",
    "trainer.log_every_steps=1",
    "trainer.eval_every_steps=4",
    "checkpoint.every_steps=2",
]


class Place:
    """A user's own directory with the model, its runs, and the faults that are still to come."""

    def __init__(self, path: Path) -> None:
        self.path, self.conf, self.faults = path, path / "conf", path / "faults"
        (path / "fragile_model.py").write_text(MODEL)
        (self.conf / "model").mkdir(parents=True)
        (self.conf / "model" / "fragile.yaml").write_text(YAML)
        self.faults.mkdir()
        self.settings = [*SETTINGS, f"model.faults={self.faults}"]

    def train(self, *overrides: str) -> Run:
        return launcher.train([*self.settings, *overrides], config_dir=self.conf, quiet=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Place]:
    path = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        patch.setenv("WINDLASS_RUNS_DIR", str(path / "runs"))
        patch.setenv("WINDLASS_CACHE_DIR", str(cache))
        yield Place(path)


@pytest.fixture
def here(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The same place, also for what a test itself starts."""
    monkeypatch.setenv("WINDLASS_RUNS_DIR", str(place.path / "runs"))
    return place


@pytest.fixture(scope="module")
def unbroken(place: Place) -> Run:
    """A run that nothing happens to."""
    return place.train("run_id=unbroken")


@pytest.fixture(scope="module")
def broken(place: Place, unbroken: Run) -> Run:
    """The same, but a worker raises at step 6, and one is killed at step 9."""
    for fault in ("raise", "kill"):
        (place.faults / fault).touch()
    return place.train("checkpoint.async=false")


def curve(run: Run) -> dict[int, float]:
    return {event["step"]: event["loss"] for event in run.history("step")}


def weights(run: Run) -> dict[str, torch.Tensor]:
    return load_file(run.model_dir / "model.safetensors")


def resume(run: Run, *overrides: str) -> Run:
    return resume_job(run, list(overrides), View(Console(quiet=True)))


def contents(run: Run) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(run.path.rglob("*")) if path.is_file()}


def test_workers_that_fail_go_on_from_the_last_checkpoint(broken: Run) -> None:
    assert broken.state == "finished", broken.failure
    assert broken.attempts() == [0, 1, 2]
    assert [event["step"] for event in broken.history("resumed")] == [4, 8]
    causes = [(failure["cause"], failure["rank"], failure["step"]) for failure in broken.job["failures"]]
    assert causes[0] == ("user code", 1, 6)
    assert causes[1][:2] == ("killed by the system (host memory)", 1)


def test_what_was_broken_off_ends_bit_by_bit_as_what_was_not(broken: Run, unbroken: Run) -> None:
    assert curve(broken) == curve(unbroken)
    assert list(curve(broken)) == list(range(1, 11))
    assert broken.metrics == unbroken.metrics
    expected = weights(unbroken)
    assert all(torch.equal(value, expected[name]) for name, value in weights(broken).items())


def test_evaluations_are_in_the_history_once(broken: Run) -> None:
    steps = [event["step"] for event in broken.history("evaluation") if event["split"] == "validation"]
    assert steps == [4, 8, 10]


def test_the_policy_holds_over_all_attempts(broken: Run) -> None:
    assert [checkpoint.step for checkpoint in published(broken.checkpoints_dir)] == [8, 10]
    assert all(checkpoint.flaw() is None for checkpoint in published(broken.checkpoints_dir))


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
def test_a_stopped_run_goes_on_with_the_same_command(here: Place, unbroken: Run) -> None:
    again = Run(here.path / "runs" / "again")
    (here.faults / "slow").touch()

    def interrupt_once_training() -> None:
        while not again.history():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt_once_training, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        here.train("run_id=again")
    assert (again.state, again.job["exit_code"]) == ("stopped", 130)
    stopped_at = again.last_step()
    assert published(again.checkpoints_dir)[-1].step == stopped_at
    (here.faults / "slow").unlink()
    here.train("run_id=again")
    assert again.state == "finished"
    assert [event["step"] for event in again.history("resumed")] == [stopped_at]
    assert curve(again) == curve(unbroken)


@pytest.mark.slow
def test_a_finished_run_is_trained_on_elsewhere_and_a_damaged_checkpoint_is_passed_over(
    here: Place, broken: Run
) -> None:
    before = curve(broken)
    [file, *_] = sorted(published(broken.checkpoints_dir)[-1].path.glob("*.safetensors"))
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    resume(broken, "trainer.max_steps=12", "engine.num_processes=1", "checkpoint.keep_last=1")
    assert (broken.state, broken.summary["steps"], broken.job["num_processes"]) == ("finished", 12, 1)
    assert broken.attempts() == [0, 1, 2, 3]
    command = broken.job["command"]
    assert [word for word in command if "max_steps" in word or "num_processes" in word] == [
        "trainer.max_steps=12",
        "engine.num_processes=1",
    ]
    assert broken.history("resumed")[-1]["step"] == 8
    assert any("step 10 is damaged" in event["message"] for event in broken.history("warning"))
    assert [checkpoint.step for checkpoint in published(broken.checkpoints_dir)] == [12]
    assert (broken.checkpoints_dir / "step_00000010.damaged").is_dir()
    after = curve(broken)
    assert list(after) == list(range(1, 13))
    assert {step: after[step] for step in range(1, 9)} == {step: before[step] for step in range(1, 9)}


@pytest.mark.parametrize("override", ["optimizer.lr=0.5", "trainer.seed=3", "trainer.global_batch_size=8", "model=mlp"])
def test_what_would_change_the_learning_is_refused_with_what_may_change(unbroken: Run, override: str) -> None:
    with pytest.raises(RequestError) as refusal:
        resume(unbroken, override, "checkpoint.keep_last=1")
    said = str(refusal.value)
    assert said.startswith(f"{override}: run unbroken goes on with what it has learnt")
    assert "strategy, checkpoint, tracker, engine, trainer.max_steps" in said
    assert "windlass train init_from=unbroken" in said


def test_another_command_with_the_id_of_a_run_is_refused_with_each_change_and_changes_nothing(
    here: Place, unbroken: Run
) -> None:
    before = contents(unbroken)
    with pytest.raises(RequestError) as refusal:
        here.train("run_id=unbroken", "optimizer.lr=0.5", "trainer.seed=3", "trainer.max_steps=20")
    assert str(refusal.value).startswith("optimizer.lr=0.5 (was 0.003), trainer.seed=3 (was 0): run unbroken goes on")
    assert contents(unbroken) == before


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["checkpoint.keep_last=5"], "windlass runs resume unbroken trainer.max_steps=N with more than 10"),
        (["trainer.max_steps=6"], "has taken 10 steps, more than the 6"),
        (["trainer.max_steps=20", "trainer.max_epochs=1"], "has taken 10 steps, more than the 6 that"),
        (["trainer.max_steps=null", "trainer.max_epochs=null"], "trainer.max_steps"),
        (["trainer.max_stepz=20"], "trainer.max_stepz"),
        (["strategy=tp", "strategy.tp=many"], "strategy.tp=many"),
        (["engine.num_processes=3", "trainer.max_steps=12"], "3 processes"),
    ],
)
def test_a_request_that_is_wrong_is_answered_and_leaves_the_run_as_it_was(
    here: Place, unbroken: Run, overrides: list[str], said: str
) -> None:
    before = contents(unbroken)
    with pytest.raises(RequestError) as refusal:
        resume(unbroken, *overrides)
    assert said in str(refusal.value)
    assert contents(unbroken) == before


def test_a_check_says_where_a_run_would_go_on_and_refuses_what_training_would(
    here: Place, unbroken: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "0")  # for the model

    def check(*overrides: str) -> dict[str, Any]:
        composed = compose([*here.settings, "run_id=unbroken", *overrides], config_dir=here.conf)
        return check_job(composed, View(Console(quiet=True)))

    before = contents(unbroken)
    checked = check("trainer.max_steps=20")
    assert (checked["resumed_at"], checked["steps"]) == (10, 20)
    assert dict(check_rows(checked))["steps"] == "20, from step 10 of the run's newest checkpoint"
    with pytest.raises(RequestError, match=r"^trainer.seed=3 \(was 0\): run unbroken goes on"):
        check("trainer.max_steps=20", "trainer.seed=3")
    assert contents(unbroken) == before


def test_other_data_than_before_are_refused(here: Place, unbroken: Run) -> None:
    copy = Run(shutil.copytree(unbroken.path, here.path / "runs" / "copy"))
    values = read_json(copy.data_path)
    write_json(copy.data_path, {**values, "sha256": "that of other rows"})
    with pytest.raises(RequestError, match="the data are not those that run copy was trained on"):
        resume(copy, "trainer.max_steps=20")


def test_a_run_that_another_holds_is_refused(here: Place, unbroken: Run) -> None:
    with claimed(unbroken), pytest.raises(RequestError, match="run unbroken is held by another process"):
        resume(unbroken, "trainer.max_steps=12")


def test_a_process_that_was_killed_holds_nothing(make_run: Callable[..., Run]) -> None:
    run = make_run()
    script = (
        "import sys, time; from pathlib import Path; from launcher.jobs.resume import claimed;"
        "from launcher.runs import Run\nwith claimed(Run(Path(sys.argv[1]))): print('held', flush=True); time.sleep(60)"
    )
    root = {**os.environ, "PYTHONPATH": str(Path(launcher.__file__).parents[1])}
    holder = subprocess.Popen([sys.executable, "-c", script, str(run.path)], stdout=subprocess.PIPE, env=root)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(RequestError, match="held by another process"), claimed(run):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with claimed(run):
        pass


def test_a_run_that_is_running_is_refused(here: Place, make_run: Callable[..., Run]) -> None:
    make_run("alive", state="running")
    with pytest.raises(RequestError, match="run alive is running; stop it first"):
        here.train("run_id=alive")


def test_a_run_that_never_started_can_not_be_resumed(here: Place, make_run: Callable[..., Run]) -> None:
    run = make_run("empty", state="failed")
    for go_on in (lambda: resume(run), lambda: here.train("run_id=empty")):
        with pytest.raises(RequestError, match="never started"):
            go_on()
