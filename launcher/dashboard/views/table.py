"""The table of runs: filtered, sorted, in groups, a window at a time."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from launcher.dashboard.views.columns import BUILT_IN, Column, Known
from launcher.dashboard.views.filter import parse
from launcher.dashboard.views.groups import divide
from launcher.dashboard.views.literals import RANK_OF_NAN, order
from launcher.dashboard.views.plain import plain
from launcher.errors import RequestError

if TYPE_CHECKING:
    from launcher.dashboard.index.index import Index, Row

BEFORE_METRICS = ("run", "state", "progress", "seconds_left")
AFTER_METRICS = ("duration", "device_hours", "sweep", "tags", "started")
NUM_METRICS = 3
MAX_KNOWN = 2000
"""Names of config keys, and of metrics: those that most runs have."""


def table(
    index: Index,
    *,
    filter: str = "",  # noqa: A002 - as it is called in the address
    sort: str = "-started",
    group: str = "",
    columns: Sequence[str] | None = None,
    offset: int = 0,
    limit: int = 200,
    expanded: Sequence[str] | None = None,
) -> dict[str, Any]:
    """One window of the table, as `GET /api/runs` answers it.

    `sort` is a column, descending after a `-`. `columns` default to a choice that suits most runs. With `group` rows
    are only those of the groups in `expanded`, one group after the other; offset and limit count these.

    Raises:
        RequestError: the filter can't be understood, or nothing can be sorted or grouped so.
    """
    rows = index.rows()
    known = Known(rows, is_complete=index.searched_at is not None)
    fits = parse(filter, known)
    matching = _sorted([row for row in rows if fits(row)], sort, known)
    shown = [_find(name, known) for name in columns or default_columns(known)]
    answer = {
        "version": index.version,
        "total": len(rows),
        "matching": len(matching),
        "columns": [{"name": column.name, "kind": _kind(column, matching)} for column in shown],
        "known": {
            "columns": list(BUILT_IN),
            "config": sorted(name for name, _ in known.config.most_common(MAX_KNOWN)),
            "metrics": sorted(name for name, _ in known.metrics.most_common(MAX_KNOWN)),
        },
        "groups": None,
    }
    window = slice(offset, offset + limit)
    if not group:
        return {**answer, "rows": [_row(row, shown) for row in matching[window]]}
    metric = _best_metric(sort, known)
    groups = divide(matching, known.find(group), expanded=expanded or (), metric=metric)
    members = [(row, each.name) for each in groups if each.is_expanded for row in each.rows]
    return {
        **answer,
        "groups": [each.to_plain() for each in groups],
        "rows": [{**_row(row, shown), "group": name} for row, name in members[window]],
    }


def default_columns(known: Known) -> list[str]:
    """What is shown unless somebody chooses."""
    return [*BEFORE_METRICS, *key_metrics(known), *AFTER_METRICS]


def key_metrics(known: Known) -> list[str]:
    """The metrics that say most: those of the validation and the loss, or else those that most runs have."""
    frequent = [name for name, _ in known.metrics.most_common()]
    telling = [name for name in frequent if name == "train/loss" or name.startswith("validation/")]
    return (telling or frequent)[:NUM_METRICS]


def _best_metric(sort: str, known: Known) -> Column | None:
    """What says which run of a group is the best: the metric by which runs are sorted, or the first that is shown."""
    column = known.find(sort.removeprefix("-"))
    if column.name not in BUILT_IN and column.kind == "number":
        return column
    return next((known.find(name) for name in key_metrics(known)), None)


def _find(name: str, known: Known) -> Column:
    """A column, empty where no run has it (any more): an address that names it still opens."""
    try:
        return known.find(name)
    except RequestError:
        return Known(()).find(name)


def _sorted(rows: list[Row], sort: str, known: Known) -> list[Row]:
    """Rows by a column: numbers before texts, then NaN, and last those without a value, also in descending order."""
    value = known.find(sort.removeprefix("-")).value
    ranked = [(order(value(row)), row) for row in rows]
    some = [pair for pair in ranked if pair[0][0] < RANK_OF_NAN]
    others = [pair for pair in ranked if pair[0][0] >= RANK_OF_NAN]
    some.sort(key=itemgetter(0), reverse=sort.startswith("-"))
    others.sort(key=itemgetter(0))
    return [row for _, row in (*some, *others)]


def _kind(column: Column, rows: Sequence[Row]) -> str:
    """How a column is drawn: values of a config key are a text unless all are numbers."""
    if column.kind is not None:
        return column.kind
    values = [value for row in rows if (value := column.value(row)) is not None]
    are_numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return "number" if values and are_numbers else "text"


def _row(row: Row, columns: Sequence[Column]) -> dict[str, Any]:
    cells = [plain(column.cell(row)) for column in columns]
    return {"key": row.key, "cells": cells, "state": row.glance.state, "sweep_key": row.sweep_key}
