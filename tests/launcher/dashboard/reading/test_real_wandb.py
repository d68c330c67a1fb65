"""Files that W&B itself writes, to their end or until it is killed."""

from __future__ import annotations

import contextlib
import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from launcher.dashboard.reading.opened import OpenRun
from tests.launcher.dashboard.reading.test_opened import foreign, opened

SCRIPT = """
import math, sys, time, wandb

def value(step):
    return math.nan if step % 7 == 3 else math.inf if step % 7 == 5 else math.sin(step) * 10 ** (step % 40 - 20)

config = {"lr": 1e-3, "optimizer": {"betas": [0.9, 0.95], "name": "<b>"}}
run = wandb.init(mode="offline", project="p", id="made", name="nice", group="g", tags=["a", "b"], config=config)
steps, pause_s = int(sys.argv[1]), float(sys.argv[2])
for step in range(steps):
    row = {"value": value(step), "nest": {"half": step / 2, "text": "x" * (step % 300)}, "flag": True}
    run.log(row | ({f"rare/{step % 5}": step} if step % 11 == 0 else {}))
    time.sleep(pause_s)
run.config.update({"optimizer": {"name": "other"}}, allow_val_change=True)
run.summary["best"] = {"value": 0.5}
print("\\x1b[31mlast words")
run.finish(exit_code=3)
"""
WAIT_S = 60.0

Start = Callable[..., subprocess.Popen[bytes]]


def value(step: float) -> float:
    step = int(step)
    return math.nan if step % 7 == 3 else math.inf if step % 7 == 5 else math.sin(step) * 10 ** (step % 40 - 20)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the script in a directory; it ends with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(directory: Path, *, steps: int, pause_s: float) -> subprocess.Popen[bytes]:
        directory.mkdir()
        environment = {**os.environ, "WANDB_DIR": str(directory), "WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL": "1"}
        for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
            environment[name] = str(directory)
        words = [sys.executable, "-c", SCRIPT, str(steps), str(pause_s)]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(words, cwd=directory, env=environment, **quiet)
        started.append(process)
        return process

    yield begin
    for process in started:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """The script and W&B's service, which has a group of its own."""
    with contextlib.suppress(psutil.NoSuchProcess):
        script = psutil.Process(process.pid)
        for each in (script, *script.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
    process.wait()


def find_file(directory: Path) -> Path:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        for path in directory.glob("wandb/offline-run-*/run-made.wandb"):
            return path
        time.sleep(0.02)
    raise AssertionError(f"W&B wrote nothing to {directory}")


def check_values(run: OpenRun) -> int:
    """That no value is wrong and none is missing between others; returns how many rows there are."""
    if "value" not in run.names():
        return 0
    series, halves = run.series("value"), run.series("nest.half")
    assert series.steps.tolist() == halves.steps.tolist() == list(range(len(series.steps)))
    assert list(map(repr, series.values.tolist())) == [repr(value(step)) for step in series.steps]
    assert halves.values.tolist() == [step / 2 for step in series.steps]
    for name in run.names():
        if name.startswith("rare/"):
            rare = run.series(name)
            assert rare.values.tolist() == rare.steps.tolist()
            assert all(step % 11 == 0 and step % 5 == int(name[-1]) for step in rare.steps)
    return len(series.steps)


def test_a_run_that_ended_is_read_whole(tmp_path: Path, start: Start) -> None:
    start(tmp_path / "run", steps=300, pause_s=0).wait(timeout=WAIT_S)
    run = opened(foreign(tmp_path, find_file(tmp_path / "run")))
    assert check_values(run) == 300
    assert (run.exit_code, run.problems) == (3, [])
    assert run.config == {"lr": 1e-3, "optimizer": {"name": "other"}}
    assert (run.summary["best.value"], run.summary["nest.half"]) == (0.5, 149.5)
    assert (run.info.name, run.info.project, run.info.group, run.info.tags) == ("nice", "p", "g", ["a", "b"])
    assert "\x1b[31mlast words" in "".join(text for _, text in run.console)
    assert any(name.startswith("system/") for name in run.names())


def test_runs_that_are_killed_show_what_was_flushed_and_nothing_else(tmp_path: Path, start: Start) -> None:
    directories = [tmp_path / str(number) for number in range(3)]
    processes = [start(directory, steps=100_000, pause_s=0.002) for directory in directories]
    runs = [OpenRun(foreign(tmp_path, find_file(directory))) for directory in directories]
    began = time.monotonic()
    moments = sorted(random.uniform(0.2, 2.5) for _ in runs)
    for moment, process in zip(moments, processes, strict=True):
        while time.monotonic() - began < moment:
            for run in runs:
                run.read()
                check_values(run)
            time.sleep(0.1)
        kill(process)
    for run in runs:
        run.read()
        assert check_values(run) == check_values(opened(run.place))  # read on as it grew, or at once
        assert (run.exit_code, run.problems, run.generation) == (None, [], 0)
    assert check_values(runs[-1]) > 0
