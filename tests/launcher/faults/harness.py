"""Starts the real command, lets it meet faults, resumes it, and compares it with a run that met none."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import torch
from safetensors.torch import load_file

from launcher.checkpoints.marker import published
from launcher.runs import Run

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-c", "from launcher.cli import main; main()"]
EVERY, STEPS = 5, 160
SETTINGS = [
    "run_id=the-run",
    "model=mlp",
    "model._target_=tests.launcher.faults.faulty.FaultyMLP",
    "model.dropout=0.1",
    "dataset=digits",
    "dataset.split.validation=0",
    "dataset.split.test=0",
    "tracker=none",
    "engine.num_processes=2",
    "engine.max_restarts=50",
    f"trainer.max_steps={STEPS}",
    "trainer.max_epochs=null",
    "trainer.log_every_steps=1",
    "trainer.eval_every_steps=null",
    f"checkpoint.every_steps={EVERY}",
]
ENOUGH_S = 180.0
"""Ends a test that would wait for ever."""
LEFT_S = 10.0
"""Within this time nothing of a run may be left whose parent was killed."""


def wait_until(true: Callable[[], Any], what: str) -> Any:
    """The first value that counts as true."""
    deadline = time.monotonic() + ENOUGH_S
    while time.monotonic() < deadline:
        if value := true():
            return value
        time.sleep(0.01)
    raise AssertionError(f"{what}: not within {ENOUGH_S} s")


class Place:
    """A directory with one run, the faults that wait for it, and the processes that were started for it."""

    def __init__(self, path: Path, cache: Path) -> None:
        self.path, self.cache, self.faults = path, cache, path / "faults"
        self.run = Run(path / "runs" / "the-run")
        self.started: list[psutil.Process] = []
        self.faults.mkdir(parents=True)

    def fault(self, point: str, *, step: int, rank: int = 0, what: str = "kill worker") -> None:
        """Have a fault wait at a point."""
        (self.faults / f"{point}-{step}-{rank}").write_text(what)

    def met(self) -> list[dict[str, Any]]:
        """The faults that were met, each with the checkpoints that were published at that moment."""
        path = self.faults / "met.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def start(self, *argv: str, pace_s: float = 0.0) -> Command:
        """A command in the background; each step takes at least `pace_s`."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "200",
            "WINDLASS_RUNS_DIR": str(self.path / "runs"),
            "WINDLASS_CACHE_DIR": str(self.cache),
            "WINDLASS_FAULTS": str(self.faults),
            "WINDLASS_FAULTS_PACE_S": str(pace_s),
        }
        with (self.path / "output.txt").open("ab") as output:
            process = subprocess.Popen([*COMMAND, *argv], stdout=output, stderr=output, cwd=self.path, env=environment)
        return Command(self, process)

    def train(self, *overrides: str, pace_s: float = 0.0) -> Command:
        return self.start("train", *SETTINGS, *overrides, pace_s=pace_s)

    def resume(self, *overrides: str, pace_s: float = 0.0) -> Command:
        return self.start("runs", "resume", "the-run", *overrides, pace_s=pace_s)

    def output(self) -> str:
        return (self.path / "output.txt").read_text()

    def published(self) -> list[int]:
        return [checkpoint.step for checkpoint in published(self.run.checkpoints_dir)]

    def resumed(self) -> list[int]:
        """The steps of the checkpoints that attempts went on from."""
        return [event["step"] for event in self.run.history("resumed")]

    def close(self) -> None:
        """End what a failed test left running."""
        for process in self.started:
            if process.is_running():
                process.kill()


class Command:
    """A running command and the processes below it."""

    def __init__(self, place: Place, process: subprocess.Popen[bytes]) -> None:
        self._place, self._process = place, process
        self.parent = psutil.Process(process.pid)
        place.started.append(self.parent)

    def wait(self, code: int | None = 0) -> None:
        """Wait for the end, expecting an exit code, or none in particular."""
        found = self._process.wait(timeout=ENOUGH_S)
        assert code is None or found == code, f"exit code {found}\n{self._place.output()}"

    def family(self) -> list[psutil.Process]:
        """The agent and the workers."""
        try:
            found = self.parent.children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        self._place.started += found
        return found

    def wait_for_step(self, step: int) -> None:
        """Wait until this or an earlier command has reported a step."""
        wait_until(lambda: self.ended() or (self._place.run.last_step() or 0) >= step, f"step {step}")
        assert not self.ended(), self._place.output()

    def wait_for_worker(self, rank: int, *, attempt: int = 0) -> psutil.Process:
        """The worker of a rank, once it is there."""
        log = self._place.run.log_path(attempt=attempt, rank=rank)

        def find() -> re.Match[str] | None:
            assert not self.ended(), self._place.output()
            return re.search(r"pid (\d+)", log.read_text()) if log.exists() else None

        return psutil.Process(int(wait_until(find, f"a worker of rank {rank}")[1]))

    def ended(self) -> bool:
        return self._process.poll() is not None

    def kill(self) -> None:
        """Kill the parent; of what was below it nothing may be left soon."""
        family = self.family()
        self.parent.kill()
        self._process.wait(timeout=ENOUGH_S)
        self.nothing_left(family)

    def nothing_left(self, family: list[psutil.Process]) -> None:
        _, alive = psutil.wait_procs(family, timeout=LEFT_S)
        assert alive == []


def weights(run: Run) -> dict[str, torch.Tensor]:
    return load_file(run.model_dir / "model.safetensors")


def curve(run: Run) -> list[tuple[int, float, float]]:
    return [(event["step"], event["loss"], event["gradient_norm"]) for event in run.history("step")]


def samples(place: Place) -> dict[int, list[str]]:
    """What was learnt from at each step, over all ranks, as the last attempt that took the step saw it."""
    seen: dict[int, dict[int, list[str]]] = {}
    for entry in _seen(place):
        seen.setdefault(entry["step"], {}).setdefault(entry["attempt"], []).extend(entry["rows"])
    return {step: sorted(attempts[max(attempts)]) for step, attempts in sorted(seen.items())}


def first_steps(place: Place) -> dict[int, int]:
    """The first step of each attempt that took one."""
    first: dict[int, int] = {}
    for entry in _seen(place):
        first[entry["attempt"]] = min(entry["step"], first.get(entry["attempt"], entry["step"]))
    return dict(sorted(first.items()))


def _seen(place: Place) -> Iterator[dict[str, Any]]:
    """What the workers wrote down, up to where they were killed."""
    for path in (place.faults / "samples").glob("*.jsonl"):
        for line in path.read_text().splitlines():
            with contextlib.suppress(ValueError):
                yield json.loads(line)


def assert_nothing_lost(place: Place, reference: Place) -> None:
    """A run that met faults is bit by bit the one that met none, and no sample was seen twice or never."""
    assert_same_result(place, reference)
    assert samples(place) == samples(reference)


def assert_same_result(place: Place, reference: Place, *, tolerance: float = 0.0) -> None:
    """Every step once, the same curve, weights and number of samples."""
    run, unbroken = place.run, reference.run
    assert run.state == "finished", place.output()
    found, expected = curve(run), curve(unbroken)
    assert [step for step, *_ in found] == list(range(1, STEPS + 1))
    assert torch.allclose(torch.tensor(found), torch.tensor(expected), rtol=tolerance, atol=tolerance)
    assert tolerance > 0 or found == expected
    result, wanted = weights(run), weights(unbroken)
    assert result.keys() == wanted.keys()
    assert all(torch.allclose(result[name], wanted[name], rtol=tolerance, atol=tolerance) for name in wanted)
    last, planned = (published(each.checkpoints_dir)[-1].read() for each in (run, unbroken))
    assert (last["step"], last["samples"]) == (planned["step"], planned["samples"])


def assert_resumed_at_the_newest(place: Place, faults: int) -> None:
    """Each attempt went on from the newest checkpoint that was published when the one before was killed."""
    met = place.met()
    assert len(met) == faults, met
    assert place.resumed() == [max(fault["published"], default=0) for fault in met], met
