"""Real sweeps of a model that does what a test asks for, in processes that a test may kill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from launcher.runs import Run
from launcher.sweeps.ledger import Ledger, Trial
from launcher.sweeps.record import Record

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-c", "from launcher.cli import main; main()"]
ENOUGH_S = 120.0
MODEL = '''
import os, time
import torch
from torch import nn

class Probe(nn.Module):
    """A linear model that learns as well as its `quality`, takes its time, and fails as it is told."""

    def __init__(self, *, num_features, num_outputs, quality, pace_s, fails, spoils):
        super().__init__()
        self.layer = nn.Linear(num_features, num_outputs)
        self.quality, self.pace_s, self.fails = quality, pace_s, fails
        if spoils:  # what a careless model leaves behind
            torch.manual_seed(4)
            torch.set_default_dtype(torch.float64)
            self.double()
            torch.set_num_threads(1)
            torch.use_deterministic_algorithms(True)
            os.environ["OMP_NUM_THREADS"] = "7"

    def forward(self, inputs):
        if self.training:
            time.sleep(self.pace_s)
            if self.fails == "raise":
                raise ValueError("as it was told")
            if self.fails == "die":
                os._exit(3)
            if self.fails == "explode":
                return self.layer(inputs) * float("nan")
        return self.layer(inputs.to(self.layer.weight.dtype)).float() * self.quality
'''
YAML = """
_target_: probe_model.Probe
num_features: ${data.num_features}
num_outputs: ${data.num_outputs}
quality: 1.0
pace_s: 0.0
fails: never
spoils: false
"""
SETTINGS = (
    "model=probe",
    "dataset=iris",
    "tracker=none",
    "run_id=s",
    "engine.max_restarts=0",
    "trainer.max_epochs=null",
    "trainer.max_steps=6",
    "trainer.global_batch_size=16",
)


class Place:
    """A directory with the model, its runs and its sweeps."""

    def __init__(self, path: Path, cache: Path) -> None:
        self.path, self.cache = path, cache
        (path / "probe_model.py").write_text(MODEL)
        (path / "conf" / "model").mkdir(parents=True)
        (path / "conf" / "model" / "probe.yaml").write_text(YAML)
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *argv: str) -> subprocess.Popen[str]:
        """A command in the background."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "300",
            "WINDLASS_RUNS_DIR": str(self.path / "runs"),
            "WINDLASS_CACHE_DIR": str(self.cache),
        }
        process = subprocess.Popen(
            [*COMMAND, *argv],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.path,
            env=environment,
        )
        self._started.append(process)
        return process

    def begin(self, *overrides: str, settings: tuple[str, ...] = SETTINGS) -> subprocess.Popen[str]:
        """A sweep in the background."""
        return self.start("train", "-m", "--config-dir", "conf", *settings, *overrides)

    def sweep(self, *overrides: str, code: int = 0) -> str:
        """A sweep to its end; what it said."""
        return self.end(self.begin(*overrides), code=code)

    def command(self, *argv: str, code: int = 0) -> str:
        """Another command to its end; what it said."""
        return self.end(self.start(*argv), code=code)

    def end(self, process: subprocess.Popen[str], *, code: int = 0) -> str:
        said, _ = process.communicate(timeout=ENOUGH_S)
        assert process.returncode == code, said
        return said

    @property
    def record(self) -> Record:
        return Record(self.path / "runs" / "sweeps" / "s")

    def trials(self) -> list[Trial]:
        return Ledger(self.record.ledger_path).trials

    def run(self, number: int) -> Run:
        return Run(self.path / "runs" / f"s-{number:03}")

    def events(self, name: str) -> list[dict[str, Any]]:
        """What the ledger holds of one kind."""
        lines = self.record.ledger_path.read_text().splitlines()
        return [event for line in lines if (event := json.loads(line))["event"] == name]

    def close(self) -> None:
        """End what a failed test left running."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.communicate()


def wait_until(true: Callable[[], Any], what: str) -> Any:
    """The first value that counts as true."""
    deadline = time.monotonic() + ENOUGH_S
    while time.monotonic() < deadline:
        if value := true():
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {ENOUGH_S} s")


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes below a command."""
    return psutil.Process(process.pid).children(recursive=True)


def states(trials: list[Trial]) -> list[str]:
    return [trial.state for trial in trials]
