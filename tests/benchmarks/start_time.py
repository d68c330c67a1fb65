"""From the command to the first finished step: `windlass train` against `accelerate launch` of an equivalent script."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil

from tests.benchmarks.launches import NUM_PROCESSES, Launches, Started
from tests.benchmarks.report import Cost, Row, say

LIMIT = 1.0
REPEATS = 7


def measure(
    space: Path, *, repeats: int | None, steps: int | None = None, overrides: tuple[str, ...] = ()
) -> list[Row]:
    """Pairs of starts, one command after the other; a first start of each fills the system's caches."""
    repeats = repeats or REPEATS
    launches = Launches(space, overrides)
    starts = (launches.ours, launches.theirs)
    say(f"start: {repeats} pairs of commands on {NUM_PROCESSES} processes")
    costs: tuple[list[Cost], list[Cost]] = ([], [])
    for start in starts:
        first_step(start)
    for repeat in range(repeats):
        for side in (0, 1) if repeat % 2 == 0 else (1, 0):
            costs[side].append(first_step(starts[side]))
    return [
        Row(
            name=f"command to first step, {NUM_PROCESSES} processes",
            unit="s",
            other="accelerate launch",
            ours=costs[0],
            theirs=costs[1],
            limit=LIMIT,
        )
    ]


def first_step(start: Callable[[], Started]) -> Cost:
    """Wall seconds from the command to the end of the first step, and CPU seconds of all its processes until then."""
    started = start()
    try:
        event = started.wait_for_step(1)
        cost = Cost(event["time"] - started.began, sum(cpu_seconds(process) for process in started.tree()))
        if len(started.workers()) < NUM_PROCESSES:
            raise RuntimeError(f"{NUM_PROCESSES} workers were asked for: {started.workers()}")
        return cost
    finally:
        started.end()


def cpu_seconds(process: psutil.Process) -> float:
    """CPU seconds of a process and of those of its children that have ended."""
    times = process.cpu_times()
    return times.user + times.system + times.children_user + times.children_system
