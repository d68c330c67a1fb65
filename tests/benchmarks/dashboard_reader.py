"""How fast a `.wandb` file becomes columns, beside W&B's own reader, `wandb-core leet inspect --json`.

Each reads in a process of its own, in turns. What is compared is reading: ours is timed in its process, which in the
dashboard runs already; from theirs the time that it takes for a file of one row is taken off.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp

from tests.benchmarks.report import Cost, Row, say

LIMIT = 0.2
REPEATS, STEPS = 5, 10_000
METRICS = tuple(f"metric_{number}" for number in range(10))


def measure(space: Path, *, repeats: int | None, steps: int | None) -> list[Row]:
    """Pairs of readings of one file of so many steps."""
    from tests.launcher.dashboard.made_wandb import write_wandb  # it imports W&B, which the reader's process needs not

    repeats, steps = repeats or REPEATS, steps or STEPS
    say(f"dashboard reader: {repeats} pairs of readings of {steps} steps with {len(METRICS)} metrics")
    directory = Path(mkdtemp(prefix="reader-", dir=space))
    short = write_wandb(directory, run_id="short", rows=1, metrics=METRICS)
    long = write_wandb(directory, run_id="long", rows=steps, metrics=METRICS)
    ours: list[Cost] = []
    theirs: list[Cost] = []
    for repeat in range(repeats):
        if repeat % 2 == 0:
            ours.append(read_by_ours(long, steps))
        theirs.append(read_by_theirs(long, short, steps))
        if repeat % 2 == 1:
            ours.append(read_by_ours(long, steps))
    other, name = "wandb-core leet inspect", f"reading {steps} steps of {len(METRICS)} metrics"
    return [Row(name=name, unit="rows/s", other=other, ours=ours, theirs=theirs, limit=LIMIT)]


def read_by_ours(path: Path, rows: int) -> Cost:
    """What a row costs us."""
    words = [sys.executable, "-m", "tests.benchmarks.dashboard_reader", str(path)]
    wall_s, cpu_s = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
    return Cost(wall_s / rows, cpu_s / rows)


def read_by_theirs(path: Path, short: Path, rows: int) -> Cost:
    """What a row costs W&B's reader."""
    whole, start = inspect(path), inspect(short)
    return Cost((whole[0] - start[0]) / rows, (whole[1] - start[1]) / rows)


def inspect(path: Path) -> tuple[float, float]:
    """Wall and CPU seconds of W&B's reader, which prints to nowhere."""
    package = find_spec("wandb")
    assert package is not None
    assert package.origin is not None
    core = Path(package.origin).parent / "bin" / "wandb-core"
    words = [str(core), "leet", "inspect", "--json", "--no-observability", "-run-file", str(path)]
    began = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}")
    return wall_s, usage.ru_utime + usage.ru_stime


def read(path: Path) -> tuple[float, float]:
    """Wall and CPU seconds in which this process reads a run whole."""
    from launcher.dashboard.places import WANDB, Place
    from launcher.dashboard.reading.opened import OpenRun

    place = Place(key="", id=path.stem, kind=WANDB, root=path.parent, path=path.parent, files=(path,))
    began = time.perf_counter(), time.process_time()
    run = OpenRun(place)
    run.read()
    series = [run.series(name) for name in run.names()]
    taken = time.perf_counter() - began[0], time.process_time() - began[1]
    assert [len(each.values) for each in series] == [len(series[0].values)] * len(METRICS)
    return taken


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.dashboard_reader")
    parser.add_argument("path", type=Path)
    print(json.dumps(read(parser.parse_args().path)))
