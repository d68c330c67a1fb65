"""How the things are that open pages watch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launcher.dashboard.places import WINDLASS
from launcher.dashboard.reading.glance import state_of
from launcher.dashboard.views.held import held
from launcher.dashboard.views.logs import find_log
from launcher.dashboard.web.live import Thing
from launcher.errors import RequestError
from launcher.runs import Run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launcher.dashboard.index.index import Index
    from launcher.dashboard.reading.opened import OpenRun
    from launcher.dashboard.views.open_runs import OpenRuns
    from launcher.dashboard.views.sweep import Sweeps

Facts = tuple[str, dict[str, Any]]


def look(index: Index, runs: OpenRuns, sweeps: Sweeps, watched: Iterable[Thing]) -> dict[Thing, Facts]:
    """The event and its data for each thing of which there is something to say; a run is read once."""
    index.refresh()
    opened: dict[str, OpenRun | None] = {}
    found: dict[Thing, Facts] = {}
    for kind, name in sorted(watched):
        if kind == "table":
            found[kind, name] = "table", {"version": index.version}
            continue
        if kind == "sweep":
            version = sweeps.version(name)
            found[kind, name] = (
                ("gone", {"key": name}) if version is None else ("sweep", {"key": name, "version": version})
            )
            continue
        key, _, file = name.partition(":")
        if key not in opened:
            opened[key] = runs.get(key)
        run = opened[key]
        if run is None:
            found[kind, name] = "gone", {"key": key}
        elif kind == "run":
            found[kind, name] = "run", _facts(index, run)
        elif (size := _log_size(run, file)) is not None:
            found[kind, name] = "log", {"key": key, "file": file, "size": size}
    return found


def _facts(index: Index, run: OpenRun) -> dict[str, Any]:
    with held(run).lock:
        cursor, version = held(run).cursor(run), run.version
    row = index.row(run.place.key)
    state = None if row is None else row.glance.state
    if run.place.kind == WINDLASS:
        state = state_of(Run(run.place.path))
    return {"key": run.place.key, "cursor": cursor, "version": version, "state": state}


def _log_size(run: OpenRun, file: str) -> int | None:
    """Bytes of a log; None where it is not there (yet)."""
    try:
        return find_log(run, file).size
    except RequestError:
        return None
