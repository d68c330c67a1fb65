"""What is made of a trial before it starts."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from launcher.config.compose import compose
from launcher.config.validate import from_composed
from launcher.errors import DataError
from launcher.jobs.inputs import Inputs
from launcher.parallel.devices import Devices
from launcher.runs import runs_root
from launcher.sweeps.trial import inputs_of
from tests.launcher.sweeps.conftest import SMALL


def made(*overrides: str) -> Inputs:
    composed = compose([*SMALL, *overrides])
    return inputs_of(composed, from_composed(composed), Devices(cpu_cores=1)).result()


def test_inputs_are_those_of_the_trial_and_its_run_is_not_begun() -> None:
    inputs = made("run_id=s-000", "optimizer.lr=0.5")
    assert (inputs.resolved.optimizer.lr, inputs.plan.threads) == (0.5, 1)
    assert not (runs_root() / "s-000").exists()


def test_what_is_wrong_with_them_is_met_by_who_asks_for_them() -> None:
    with pytest.raises(DataError, match="fewer than one global batch"):
        made("trainer.global_batch_size=4096")


def test_on_a_terminal_nothing_is_drawn_while_data_are_prepared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes it for a terminal
    monkeypatch.setenv("WINDLASS_CACHE_DIR", str(tmp_path))
    stdout = sys.stdout
    made()
    assert any(tmp_path.iterdir()), "nothing was prepared"
    assert sys.stdout is stdout
    assert not any(type(thread).__name__ == "_RefreshThread" for thread in threading.enumerate())
