"""What the page of one run shows, but for the points of its charts."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from launcher.checkpoints.marker import published
from launcher.dashboard.places import WINDLASS
from launcher.dashboard.reading.documents import load_or_nothing
from launcher.dashboard.reading.glance import extremes, state_of
from launcher.dashboard.reading.plain import flatten
from launcher.dashboard.views.axes import axes_of
from launcher.dashboard.views.held import held
from launcher.dashboard.views.logs import list_logs
from launcher.dashboard.views.plain import plain
from launcher.runs import Run

if TYPE_CHECKING:
    from launcher.dashboard.index.index import Row
    from launcher.dashboard.reading.opened import OpenRun

MEASURED = (
    "samples_per_second", "tokens_per_second", "mfu", "peak_memory_bytes", "train_seconds", "wall_seconds",
    "device_hours", "num_parameters", "steps", "sample",
)  # fmt: skip
"""Of summary.json, and while there is none of the last step that was reported."""


def run_view(row: Row, run: OpenRun) -> dict[str, Any]:
    """All facts of a run."""
    state = held(run)
    with state.lock:
        shown = {
            "key": row.key,
            "id": row.id,
            "name": row.glance.name,
            "kind": run.place.kind,
            "state": row.glance.state,
            "row": {**asdict(row.glance), "config": None, "duration": row.duration, "sweep_key": row.sweep_key},
            "path": str(run.place.path),
            "config": flatten(run.config),
            "metrics": metrics(run),
            "restarts": [asdict(each) for each in run.restarts],
            "checkpoints": checkpoints(run),
            "warnings": run.warnings,
            "plan": None,
            "measured": {},
            "failure": None,
            "command": command(row, run),
            "exit_code": run.exit_code,
            "notes": run.info.notes,
            "problems": list(dict.fromkeys([*row.glance.problems, *run.problems])),
            "logs": [log.describe() for log in list_logs(run)],
            "axes": axes_of(run),
            "cursor": state.cursor(run),
        }
    if run.place.kind == WINDLASS:
        directory = Run(run.place.path)
        shown |= {
            "state": state_of(directory),  # as it is now, as in what is told live: the row may be a second old
            "plan": load_or_nothing(directory.plan_path) or None,
            "measured": measured(row, run),
            "failure": load_or_nothing(directory.failure_path) or None,
        }
    return plain(shown)


def checkpoints(run: OpenRun) -> list[dict[str, Any]]:
    """Each that was written, and whether it is still there to go on from."""
    if not run.checkpoints:
        return []
    kept = {checkpoint.step for checkpoint in published(Run(run.place.path).checkpoints_dir)}
    return [{**each, "kept": each["step"] in kept} for each in run.checkpoints]


def metrics(run: OpenRun) -> list[dict[str, Any]]:
    """Each metric with its group, number of points, last value, and smallest and largest finite value."""
    ends = extremes(run)
    found = []
    for name in run.names():
        values = run.series(name).values
        least, most = ends.get(name, (None, None))
        last = float(values[-1]) if len(values) else None
        about = {"name": name, "group": group(name), "count": len(values)}
        found.append(about | {"last": last, "min": least, "max": most})
    return found


def group(name: str) -> str:
    """What stands before the first slash of a metric's name, such as `train`; empty where there is none."""
    return name.partition("/")[0] if "/" in name else ""


def measured(row: Row, run: OpenRun) -> dict[str, Any]:
    """Throughput, memory and cost: at the end, or until now."""
    summary, step = load_or_nothing(Run(run.place.path).summary_path), run.last_step or {}
    found = {name: value for name in MEASURED if (value := summary.get(name, step.get(name))) is not None}
    if "device_hours" not in found and row.glance.device_hours is not None:
        found["device_hours"] = row.glance.device_hours
    return found


def command(row: Row, run: OpenRun) -> str | None:
    """What to type to do the same again, where the run knows."""
    words = row.glance.command or run.info.command
    return shlex.join(map(str, words)) if words else run.info.program
