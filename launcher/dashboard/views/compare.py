"""Runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from launcher.dashboard.reading.glance import extremes
from launcher.dashboard.reading.plain import flatten
from launcher.dashboard.views.held import held
from launcher.dashboard.views.plain import plain

if TYPE_CHECKING:
    from launcher.dashboard.index.index import Row
    from launcher.dashboard.reading.opened import OpenRun

Pair = tuple["Row", "OpenRun"]


def compare(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Config and metrics of some runs, a value for each run in their order, None where a run has none.

    Config keys that differ come first, in the order in which the runs have them.
    """
    return plain(
        {
            "runs": [{"key": row.key, "name": row.glance.name, "state": row.glance.state} for row, _ in pairs],
            "config": config_rows([flatten(run.config) for _, run in pairs]),
            "metrics": metric_rows([run for _, run in pairs]),
        }
    )


def config_rows(configs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each key with its values, and whether they differ; those that differ first."""
    configs = [plain(config) for config in configs]  # as strings, NaN equals itself
    keys = dict.fromkeys(key for config in configs for key in config)
    rows = []
    for key in keys:
        values = [config.get(key) for config in configs]
        held_by_all = all(key in config for config in configs)
        differs = not held_by_all or any(value != values[0] for value in values[1:])
        rows.append({"key": key, "values": values, "differs": differs})
    return sorted(rows, key=lambda row: not row["differs"])


def metric_rows(runs: Sequence[OpenRun]) -> list[dict[str, Any]]:
    """Each metric with its last, smallest and largest values."""
    facts = [_facts(run) for run in runs]
    names = dict.fromkeys(name for each in facts for name in each)
    nothing = (None, None, None)
    return [
        {"name": name}
        | {end: [each.get(name, nothing)[place] for each in facts] for place, end in enumerate(("last", "min", "max"))}
        for name in names
    ]


def _facts(run: OpenRun) -> dict[str, tuple[Any, Any, Any]]:
    with held(run).lock:
        ends = extremes(run)
        found = {}
        for name in run.names():
            values = run.series(name).values
            if len(values):
                found[name] = (float(values[-1]), *ends.get(name, (None, None)))
        return found
