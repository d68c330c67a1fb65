"""Kills at random moments: whatever dies, whenever, the run ends as the one that was never killed."""

from __future__ import annotations

import random
import time

import psutil
import pytest

from tests.launcher.faults.harness import ENOUGH_S, Command, Place, assert_nothing_lost, first_steps

VICTIMS = ("rank 0", "rank 1", "server", "agent", "parent")
PACE_S = 0.02
MOMENTS_S = 4.0
"""From the start of an attempt's workers on; training alone takes longer than three of these seconds."""
ROUNDS = range(30)


def kill(place: Place, command: Command, victim: str, *, attempt: int) -> tuple[Command, int]:
    """Kill a process of an attempt; returns the command that goes on, and the newest checkpoint once all is dead.

    The parent is held meanwhile, so that no further attempt begins.
    """
    worker = command.wait_for_worker(int(victim[-1]) if victim.startswith("rank") else 0, attempt=attempt)
    server, agent = worker.parents()[:2]
    if victim == "parent":
        command.kill()
        assert place.run.state == "lost"
        return place.resume(pace_s=PACE_S), max(place.published(), default=0)
    command.parent.suspend()
    workers = server.children()
    {"server": server, "agent": agent}.get(victim, worker).kill()
    _, alive = psutil.wait_procs(workers, timeout=ENOUGH_S)
    assert alive == []
    newest = max(place.published(), default=0)
    command.parent.resume()
    return command, newest


@pytest.mark.slow
@pytest.mark.parametrize("seed", ROUNDS)
def test_kills_at_random_moments_lose_nothing(place: Place, reference: Place, seed: int) -> None:
    choose = random.Random(seed)
    command, expected = place.train(pace_s=PACE_S), []
    kills = 1 + seed % 3
    for attempt in range(kills):
        command.wait_for_worker(0, attempt=attempt)
        time.sleep(choose.uniform(0.0, MOMENTS_S / kills))
        command, newest = kill(place, command, choose.choice(VICTIMS), attempt=attempt)
        expected.append(newest)
    command.wait()
    assert place.run.attempts() == list(range(kills + 1))
    begun = first_steps(place)
    assert begun == {attempt: step + 1 for attempt, step in enumerate([0, *expected]) if attempt in begun}
    assert_nothing_lost(place, reference)
