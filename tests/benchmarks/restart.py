"""From the death of a worker to the first step after it: Windlass beside torchrun with a minimal script.

One of two workers is killed with SIGKILL once a checkpoint is there. Both train the same model on the same rows, take a
checkpoint every few steps, and track nothing.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.launches import GIVE_UP_S, NUM_PROCESSES, POLL_S, Launches, Started
from tests.benchmarks.report import Cost, Row, say

REPEATS = 7
MAX_RESTARTS = 3
EVERY_STEPS = 10


def measure(
    space: Path, *, repeats: int | None, steps: int | None = None, overrides: tuple[str, ...] = ()
) -> list[Row]:
    """Pairs of runs, one command after the other; `steps` lie between checkpoints."""
    repeats, steps = repeats or REPEATS, steps or EVERY_STEPS
    ours = (f"checkpoint.every_steps={steps}", "trainer.log_every_steps=1", f"engine.max_restarts={MAX_RESTARTS}")
    launches = Launches(space, (*overrides, "tracker=none", *ours))
    starts = (launches.ours, lambda: launches.torchrun(max_restarts=MAX_RESTARTS, every_steps=steps))
    say(f"restart: {repeats} pairs of commands on {NUM_PROCESSES} processes, one of which is killed")
    costs: tuple[list[Cost], list[Cost]] = ([], [])
    for repeat in range(repeats):
        for side in (0, 1) if repeat % 2 == 0 else (1, 0):
            costs[side].append(restart(starts[side]))
    name = f"kill -9 of a worker to the next step, {NUM_PROCESSES} processes"
    return [Row(name=name, unit="s", other="torchrun", ours=costs[0], theirs=costs[1], limit=None)]


def restart(start: Callable[[], Started]) -> Cost:
    """Wall seconds from the kill to the end of the first step of the next attempt."""
    started = start()
    try:
        wait_for(started, "checkpoint", after="start")
        main = next(event["pid"] for event in started.events() if "pid" in event)
        victim = next(worker for worker in started.workers() if worker.pid != main)
        killed = time.time()
        victim.send_signal(signal.SIGKILL)
        return Cost(wait_for(started, "step", after="resumed") - killed)
    finally:
        started.end()


def wait_for(started: Started, name: str, *, after: str) -> float:
    """When the first event of this name was reported after one of another; `start` comes before all.

    Raises:
        RuntimeError: it does not come.
    """
    began = time.monotonic()
    while time.monotonic() - began < GIVE_UP_S and started.process.poll() is None:
        seen = after == "start"
        for event in started.events():
            if seen and event["event"] == name:
                return event["time"]
            seen = seen or event["event"] == after
        time.sleep(POLL_S)
    raise RuntimeError(f"no {name} after {after}:\n{started.printed()}")
