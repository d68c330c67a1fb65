"""Steps that are not finite, or whose loss jumps, in real runs: stopped at, left out, or gone back from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import launcher
from launcher.errors import RequestError
from launcher.runs import Run

MODEL = '''
import torch
from torch import nn

class Bumpy(nn.Module):
    """From its call `bad` on, for `calls` training calls, what it gives is multiplied by `factor`, or class 0 is shut.

    A class whose logit is minus infinity costs an infinite loss, whose gradient is finite.
    """

    def __init__(self, *, num_features, num_outputs, factor, shut, bad, calls):
        super().__init__()
        self.layer = nn.Linear(num_features, num_outputs)
        self.factor, self.shut, self.bad, self.seen = factor, shut, range(bad, bad + calls), 0

    def forward(self, inputs):
        self.seen += self.training
        outputs = self.layer(inputs)
        if not (self.training and self.seen in self.bad):
            return outputs
        if self.shut:
            return outputs - torch.tensor([torch.inf, 0.0, 0.0])
        return outputs * self.factor
'''
YAML = """
_target_: bumpy_model.Bumpy
num_features: ${data.num_features}
num_outputs: ${data.num_outputs}
factor: .nan
shut: false
bad: 23
calls: 1
"""

Bumpy = Callable[..., Run]


@pytest.fixture
def bumpy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train: Callable[..., Run]) -> Bumpy:
    """Train 40 steps of a model whose 23rd is bad, with checkpoints at every tenth."""
    (tmp_path / "bumpy_model.py").write_text(MODEL)
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "bumpy.yaml").write_text(YAML)
    monkeypatch.chdir(tmp_path)
    settings = ["model=bumpy", "dataset=iris", "trainer.max_epochs=null", "trainer.max_steps=40"]
    settings += ["trainer.global_batch_size=16", "trainer.log_every_steps=1", "checkpoint.every_steps=10"]

    def run_it(*overrides: str, state: str = "finished") -> Run:
        return train(*settings, *overrides, state=state, config_dir=tmp_path / "conf")

    return run_it


def steps(run: Run) -> list[int]:
    return [event["step"] for event in run.history()]


def warnings(run: Run) -> list[str]:
    return [event["message"] for event in run.history("warning")]


def test_by_default_a_step_that_is_not_finite_ends_the_run(bumpy: Bumpy) -> None:
    run = bumpy(state="failed")
    assert (run.failure["cause"], run.failure["step"]) == ("non-finite loss", 23)


def test_a_step_is_left_out_on_every_process_and_counted(bumpy: Bumpy) -> None:
    run = bumpy("trainer.on_non_finite=skip_batch", "engine.num_processes=2")
    assert steps(run) == [step for step in range(1, 41) if step != 23]
    assert any("at step 23" in line and "1 of at most 10" in line for line in warnings(run))


@pytest.mark.slow
def test_an_infinite_loss_whose_gradient_is_finite_is_left_out_too(bumpy: Bumpy) -> None:
    run = bumpy("trainer.on_non_finite=skip_batch", "model.shut=true", "engine.num_processes=2")
    assert steps(run) == [step for step in range(1, 41) if step != 23]
    assert any("the loss became non-finite at step 23" in line for line in warnings(run))


@pytest.mark.slow
def test_so_many_steps_may_be_left_out_and_no_more(bumpy: Bumpy) -> None:
    run = bumpy("trainer.on_non_finite=skip_batch", "trainer.max_skipped_steps=2", "model.calls=3", state="failed")
    assert run.failure["step"] == 25
    assert "trainer.max_skipped_steps=2" in run.failure["message"]


@pytest.mark.slow
def test_going_back_leaves_out_all_samples_since_the_checkpoint(bumpy: Bumpy) -> None:
    run = bumpy("trainer.on_non_finite=rollback", "engine.num_processes=2")
    assert any("back to the checkpoint at step 20" in line for line in warnings(run))
    assert steps(run)[-17:] == list(range(24, 41))


@pytest.mark.slow
def test_there_is_nothing_to_go_back_to_before_the_first_checkpoint(bumpy: Bumpy) -> None:
    run = bumpy("trainer.on_non_finite=rollback", "model.bad=3", state="failed")
    assert "no checkpoint yet to go back to" in run.failure["message"]


@pytest.mark.slow
def test_a_loss_that_jumps_is_treated_the_same_where_that_is_asked_for(bumpy: Bumpy) -> None:
    jump = ("model.factor=1000", "trainer.on_non_finite=skip_batch")
    run = bumpy(*jump, "trainer.spike_factor=10", "engine.num_processes=2")
    assert steps(run) == [step for step in range(1, 41) if step != 23]
    assert any("trainer.spike_factor=10" in line for line in warnings(run))


@pytest.mark.slow
def test_a_loss_that_jumps_is_let_be_by_default(bumpy: Bumpy) -> None:
    assert steps(bumpy("model.factor=1000")) == list(range(1, 41))


def test_going_back_without_checkpoints_is_refused_before_anything_starts() -> None:
    with pytest.raises(RequestError, match=r"use checkpoint\.every_steps=100"):
        launcher.train(["trainer.on_non_finite=rollback", "checkpoint=none"], quiet=True)
