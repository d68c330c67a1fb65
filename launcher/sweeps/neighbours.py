"""What else trains on this machine, as far as this runs directory knows."""

from __future__ import annotations

import socket

from launcher.parallel.plan import Plan
from launcher.runs import ACTIVE, list_runs
from launcher.sweeps.record import list_records


def held_by_sweeps(kind: str) -> dict[str, str]:
    """Devices of one kind that running sweeps of this machine hold, each with the id of its sweep."""
    held = dict[str, str]()
    for record in list_records():
        slots, host = record.values.get("slots", {}), record.values.get("process", {}).get("host")
        if slots.get("kind") == kind and host == socket.gethostname() and record.state == "running":
            held |= dict.fromkeys(slots["ids"], record.id)
    return held


def runs_on(kind: str) -> list[str]:
    """Ids of runs that train on devices of one kind of this machine, without a sweep."""
    trials = tuple(f"{record.id}-" for record in list_records())
    return [
        run.id
        for run in list_runs()
        if run.state in ACTIVE
        and run.job.get("host") == socket.gethostname()
        and not run.id.startswith(trials)
        and run.plan_path.exists()
        and Plan.load(run.plan_path).device == kind
    ]
