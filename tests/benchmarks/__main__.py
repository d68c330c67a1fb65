"""`python -m tests.benchmarks`: time and memory of Windlass beside what it is compared with, in one table."""

from __future__ import annotations

import argparse

from tests.benchmarks import (
    checkpoints,
    dashboard,
    fixed_cost,
    gpu,
    peak_memory,
    restart,
    start_time,
    step_time,
    strategies,
    sweeps,
    throughput,
)
from tests.benchmarks.report import Row, show
from tests.benchmarks.workspace import workspace

PARTS = {
    "step": step_time,
    "strategies": strategies,
    "throughput": throughput,
    "fixed": fixed_cost,
    "start": start_time,
    "memory": peak_memory,
    "checkpoints": checkpoints,
    "restart": restart,
    "sweeps": sweeps,
    "dashboard": dashboard,
    "gpu": gpu,
}


def main() -> None:
    """Measure the parts that were asked for, then print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"which of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--repeats", type=int, help="pairs of measurements (default: as many as the part needs)")
    parser.add_argument("--steps", type=int, help="steps of each measurement")
    parser.add_argument("--trials", type=int, help="trials of each sweep (the part sweeps alone)")
    parser.add_argument("--rival-trials", type=int, help="trials of others' sweeps of jobs (the part sweeps alone)")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.parts if name not in PARTS]
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}; use {', '.join(PARTS)}")
    more = {"sweeps": {"trials": arguments.trials, "rival_trials": arguments.rival_trials}}
    rows: list[Row] = []
    with workspace() as space:
        for name in arguments.parts or PARTS:
            size = {"repeats": arguments.repeats, "steps": arguments.steps, **more.get(name, {})}
            rows += PARTS[name].measure(space, **size)
    if rows:
        show(rows)


if __name__ == "__main__":
    main()
