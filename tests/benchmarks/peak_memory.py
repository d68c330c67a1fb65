"""The most memory that the default run holds: one worker, and the whole tree of processes with its parents.

Forked workers share pages with the process they were forked from. Each process counts its own pages and its part of
those that it shares (the proportional set size); where the system does not tell it, its own pages alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.benchmarks.launches import NUM_PROCESSES, Launches, Started
from tests.benchmarks.report import Cost, Row, say

LIMIT = 1.0
REPEATS, STEPS = 3, 30
SAMPLE_S = 0.2

Peaks = tuple[Cost, Cost]


def measure(space: Path, *, repeats: int | None, steps: int | None, overrides: tuple[str, ...] = ()) -> list[Row]:
    """Pairs of runs over so many steps."""
    repeats, steps = repeats or REPEATS, steps or STEPS
    launches = Launches(space, overrides)
    starts = (launches.ours, launches.theirs)
    say(f"memory: {repeats} pairs of runs of {steps} steps on {NUM_PROCESSES} processes")
    peaks: tuple[list[Peaks], list[Peaks]] = ([], [])
    for repeat in range(repeats):
        for side in (0, 1) if repeat % 2 == 0 else (1, 0):
            peaks[side].append(peak(starts[side], steps))
    return [
        Row(
            name=name,
            unit="MiB",
            other="accelerate launch",
            ours=[pair[part] for pair in peaks[0]],
            theirs=[pair[part] for pair in peaks[1]],
            limit=LIMIT,
        )
        for part, name in enumerate(("peak memory of a worker", "peak memory of all processes"))
    ]


def peak(start: Callable[[], Started], steps: int) -> Peaks:
    """Peak bytes of the largest worker and of the tree, from the command to the report of step `steps`."""
    started = start()
    largest, whole = [0], [0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_S):
            held = {process.pid: held_bytes(process) for process in started.tree()}
            workers = [held.get(process.pid, 0) for process in started.workers()]
            largest.append(max(workers, default=0))
            whole.append(sum(held.values()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        started.wait_for_step(steps)
    finally:
        done.set()
        watcher.join()
        started.end()
    return Cost(max(largest)), Cost(max(whole))


def held_bytes(process: psutil.Process) -> int:
    """What a process holds, 0 once it is gone."""
    try:
        memory = process.memory_full_info()
    except psutil.NoSuchProcess:
        return 0
    return getattr(memory, "pss", memory.uss)
