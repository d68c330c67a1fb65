"""Runs that the dashboard is measured with: `.wandb` files of anybody's, and a run that goes on."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tests.launcher.dashboard.made import make_run
from tests.launcher.dashboard.made_wandb import STARTED, Row, curves, write_wandb

TEN_METRICS = ("loss", "accuracy", *(f"layer_{number}/norm" for number in range(8)))
FEW_METRICS = ("loss", "accuracy")


def write_many(directory: Path, *, runs: int, contents: int, steps: int) -> Path:
    """A W&B directory of so many runs with ten metrics at each step; returns it.

    Only `contents` of their files differ; each has the names of several runs as hard links, so that ten gigabytes of
    runs lie on a small disk. A reader can't tell: it opens and reads each. They stay in the memory of the system, as
    they would where there is as much of it.
    """
    files = [_write(directory / "made", number, steps) for number in range(min(contents, runs))]
    for number in range(runs):
        stamp = time.strftime("%Y%m%d_%H%M%S", time.gmtime(STARTED + number))
        attempt = directory / "wandb" / f"offline-run-{stamp}-run{number:04}"
        attempt.mkdir(parents=True)
        (attempt / f"run-run{number:04}.wandb").hardlink_to(files[number % len(files)])
    return directory / "wandb"


def _write(directory: Path, number: int, steps: int) -> Path:
    """One of the files that differ."""
    config = {"optimizer": {"lr": 10 ** -(1 + number % 5), "name": "adamw"}, "width": 16 * (1 + number % 4)}
    return write_wandb(
        directory,
        run_id=f"made{number}",
        rows=steps,
        metrics=TEN_METRICS,
        config=config,
        started=STARTED + number,
        tags=[f"group {number % 3}"],
    )


def write_few(directory: Path, *, runs: int, steps: int) -> Path:
    """A W&B directory of some runs with two metrics; returns it."""
    for number in range(runs):
        started = STARTED + 60 * number
        write_wandb(directory / "wandb", run_id=f"run{number:02}", rows=few_rows(number, steps), started=started)
    return directory / "wandb"


def few_rows(number: int, steps: int) -> list[Row]:
    """What one of them has logged."""
    return curves(steps, FEW_METRICS, started=STARTED + number)


@contextmanager
def growing(runs: Path) -> Iterator[None]:
    """A run directory in `runs` to which a step is added each second."""
    path = make_run(runs, "live", steps=100, state="running", num_steps=100_000, started=time.time() - 100)
    done = threading.Event()

    def log() -> None:
        with (path / "events.jsonl").open("a") as events:
            for step in count(101):
                if done.wait(1.0):
                    return
                line = {"event": "step", "time": time.time(), "step": step, "num_steps": 100_000, "epoch": 0}
                events.write(json.dumps({**line, "loss": 1 / step, "samples_per_second": 1000.0}) + "\n")
                events.flush()

    writer = threading.Thread(target=log, name="a step each second")
    writer.start()
    try:
        yield
    finally:
        done.set()
        writer.join()
