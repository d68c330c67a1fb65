"""What an idle slot of a sweep holds, and the warm agent from which trials are forked.

As in `peak_memory`, each process counts its own pages and its part of those that it shares. Between sweeps that differ
in an idle slot, pages of files are left out: how many share those depends on what else runs on the machine.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import mkdtemp

import psutil

from launcher.engines.engine import TRAINING
from launcher.engines.local import Agents
from launcher.runs import Run
from launcher.sweeps.ledger import FINISHED, Ledger
from tests.benchmarks.launches import GIVE_UP_S, POLL_S, Command, Started, windlass
from tests.benchmarks.peak_memory import held_bytes
from tests.benchmarks.report import Cost, Row, say
from tests.benchmarks.sweep_commands import NUM_SLOTS, OVERRIDES
from tests.benchmarks.workspace import make_run

SHORT_STEPS, ENDLESS_STEPS = 20, 10_000_000
SETTLED_STEPS = 200
"""After so many steps of the trial that goes on, all of it has been touched."""
ONLY_TORCH = "import psutil, torch; m = psutil.Process().memory_full_info(); print(getattr(m, 'pss', m.uss))"


def measure(space: Path, *, repeats: int) -> list[Row]:
    """Pairs of sweeps and of processes, one after the other."""
    say(f"sweeps: memory, {repeats} times")
    sweeps: tuple[list[Cost], list[Cost]] = ([], [])
    processes: tuple[list[Cost], list[Cost]] = ([], [])
    for repeat in range(repeats):
        for side in (0, 1) if repeat % 2 == 0 else (1, 0):
            sweeps[side].append(Cost(held_by_sweep(space, slots=(NUM_SLOTS, 1)[side])))
        processes[0].append(Cost(held_by_agent()))
        processes[1].append(Cost(int(subprocess.check_output([sys.executable, "-c", ONLY_TORCH]))))
    rows = (
        ("a sweep's processes, one of 2 slots idle", "the same on 1 slot", sweeps),
        ("the warm agent while no trial runs", "import torch", processes),
    )
    return [
        Row(name=name, unit="MiB", other=other, ours=ours, theirs=theirs, limit=None)
        for name, other, (ours, theirs) in rows
    ]


def held_by_sweep(space: Path, *, slots: int) -> int:
    """Bytes that the processes of a sweep hold whose first trial is over, and whose second, and last, goes on.

    With two slots one of them has had a trial and is idle.

    Raises:
        RuntimeError: the second trial does not get there.
    """
    directory = Path(mkdtemp(prefix=f"slots-{slots}-", dir=space))
    root = Path(os.environ["WINDLASS_RUNS_DIR"])
    words = [*windlass(), "train", "-m", *OVERRIDES, f"trainer.max_steps={SHORT_STEPS},{ENDLESS_STEPS}"]
    words += [f"sweep.slots={slots}", f"run_id={directory.name}"]
    events = Run(root / f"{directory.name}-001").events_path
    # A core for each slot, so that the trial that goes on has one thread on both sides.
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[:slots]))
    command = Command(words=["taskset", "-c", cores, *words], events=events, log=directory / "log", environment={})
    started = Started(command)
    try:
        started.wait_for_step(SETTLED_STEPS)
        while not is_over(root / "sweeps" / directory.name / "ledger.jsonl"):
            if time.time() - started.began > GIVE_UP_S:
                raise RuntimeError(f"the first trial does not end:\n{started.printed()}")
            time.sleep(POLL_S)
        return sum(map(own_bytes, started.tree()))
    finally:
        started.end()


def is_over(ledger: Path) -> bool:
    """Whether the first trial has finished."""
    return Ledger(ledger).trials[0].state == FINISHED


def own_bytes(process: psutil.Process) -> int:
    """What a process holds without pages of files, 0 once it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss_Anon:"):
                return int(line.split()[1]) * 1024
    return 0


def held_by_agent() -> int:
    """Bytes of an agent that has served a run, and serves none.

    Raises:
        RuntimeError: the run failed.
    """
    run = make_run(*OVERRIDES, f"trainer.max_steps={SHORT_STEPS}")
    agents, before = Agents(thorough=True), set(psutil.Process().children())
    try:
        served = agents.get().ask(run, TRAINING, 0, {})
        (agent,) = set(psutil.Process().children()) - before
        outcome = served.outcomes.get(timeout=GIVE_UP_S)
        if outcome.exit_code:
            raise RuntimeError(f"the run ended with {outcome.exit_code}: {run.path}")
        return held_bytes(agent)
    finally:
        agents.close()
