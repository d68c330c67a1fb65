"""What is known of each run by name: columns that every run has, config keys, and metrics."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launcher.config.nearest import did_you_mean, listed
from launcher.errors import RequestError

if TYPE_CHECKING:
    from launcher.dashboard.index.index import Row

Value = Callable[["Row"], Any]
"""The value of a row: a number, a text, a list of texts, or None where it has none."""

NUMERIC = ("number", "duration", "progress")
"""Kinds of columns that hold nothing but numbers."""
SHOWN = 8
"""Names in a message."""
PREFIX = re.compile(r"(last|min|max|config):(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Something that runs can be sorted, filtered and grouped by."""

    name: str
    kind: str | None  # how it is drawn; None: as its values are
    value: Value
    cell: Value  # what is drawn


def _built_in(name: str, kind: str, value: Value, cell: Value | None = None) -> Column:
    return Column(name=name, kind=kind, value=value, cell=value if cell is None else cell)


def _done(row: Row) -> float | None:
    step, num_steps = row.glance.step, row.glance.num_steps
    return None if step is None or not num_steps else step / num_steps


def _progress(row: Row) -> dict[str, Any]:
    seen = row.glance
    return {"step": seen.step, "num_steps": seen.num_steps, "seconds_left": seen.seconds_left}


BUILT_IN = {
    column.name: column
    for column in (
        _built_in("run", "run", lambda row: row.glance.name or row.id),
        _built_in("id", "text", lambda row: row.id),
        _built_in("name", "text", lambda row: row.glance.name),
        _built_in("state", "state", lambda row: row.glance.state),
        _built_in("progress", "progress", _done, _progress),
        _built_in("step", "number", lambda row: row.glance.step),
        _built_in("num_steps", "number", lambda row: row.glance.num_steps),
        _built_in("seconds_left", "duration", lambda row: row.glance.seconds_left),
        _built_in("duration", "duration", lambda row: row.duration),
        _built_in("device_hours", "number", lambda row: row.glance.device_hours),
        _built_in("started", "time", lambda row: row.glance.started),
        _built_in("ended", "time", lambda row: row.glance.ended),
        _built_in("last_sign", "time", lambda row: row.glance.last_sign),
        _built_in("model", "text", lambda row: row.glance.model),
        _built_in("dataset", "text", lambda row: row.glance.dataset),
        _built_in("tags", "tags", lambda row: row.glance.tags),
        _built_in("group", "text", lambda row: row.glance.group),
        _built_in("project", "text", lambda row: row.glance.project),
        _built_in("sweep", "sweep", lambda row: row.glance.sweep),
        _built_in("trial", "number", lambda row: row.glance.trial),
        _built_in("attempt", "number", lambda row: row.glance.attempt),
        _built_in("device", "text", lambda row: row.glance.device),
        _built_in("num_processes", "number", lambda row: row.glance.num_processes),
        _built_in("host", "text", lambda row: row.glance.host),
        _built_in("failure", "text", lambda row: row.glance.failure),
        _built_in("kind", "text", lambda row: row.kind),
        _built_in("root", "text", lambda row: row.root),
    )
}


class Known:
    """All names of some rows.

    A config key and a metric may also be called by the last part of its name, where that is one's alone: `lr` for
    `optimizer.lr`. `min:` and `max:` before a metric mean its extremes; `config:` and `last:` tell a config key and a
    metric of one name apart. While rows are still being found (not `is_complete`), names that none has may come yet.
    """

    def __init__(self, rows: Iterable[Row], *, is_complete: bool = True) -> None:
        self.is_complete = is_complete
        self.config: Counter[str] = Counter()  # how many runs have it
        self.metrics: Counter[str] = Counter()
        self.states: Counter[str] = Counter()
        for row in rows:
            self.config.update(row.glance.config.keys())
            self.metrics.update(row.metrics.keys())
            self.states[row.glance.state] += 1

    def find(self, name: str) -> Column:
        """What a name means. Where there are no runs at all, or more may come, it may mean anything.

        Raises:
            RequestError: nothing, or several things.
        """
        if name in BUILT_IN:
            return BUILT_IN[name]
        if not self.states:
            return Column(name=name, kind="text", value=_nothing, cell=_nothing)
        match = PREFIX.fullmatch(name)
        prefix, bare = match.groups() if match else (None, name)
        metrics = [] if prefix == "config" else _called(bare, self.metrics, "/")
        keys = _called(bare, self.config, ".") if prefix in (None, "config") else []
        if bare in metrics:
            return _metric(name, bare, prefix or "last")
        if bare in keys:
            return _config(name, keys)
        if len(metrics) + len(keys) > 1:
            found = listed(sorted([*metrics, *keys])[:SHOWN])
            raise RequestError(f"{name} may mean {found}; type more of the name")
        if metrics:
            return _metric(name, metrics[0], prefix or "last")
        if keys:
            return _config(name, keys)
        if not self.is_complete:
            return Column(name=name, kind="text", value=_nothing, cell=_nothing)
        raise RequestError(f"there is no {_meant(prefix)} {bare}{self._hint(bare, prefix)}")

    def _hint(self, bare: str, prefix: str | None) -> str:
        keys = {word for key in self.config for word in (key, key.rpartition(".")[2])}
        config = keys if prefix in (None, "config") else set()
        metrics = set() if prefix == "config" else set(self.metrics)
        columns = set(BUILT_IN) if prefix is None else set()
        near = did_you_mean(bare, sorted(config | metrics | columns))
        if near or prefix == "config":
            return near
        known = f"; metrics are {listed([name for name, _ in self.metrics.most_common(SHOWN)], conjunction='and')}"
        return known if prefix else f"; columns are {listed(BUILT_IN, conjunction='and')}{known}"


def _nothing(row: Row) -> None:
    return None


def _called(name: str, names: Iterable[str], separator: str) -> list[str]:
    """Full names of what may be called so.

    The name itself comes first, and hides all others but a single one: in runs of several projects both may be meant.
    """
    others = [each for each in names if each.endswith(f"{separator}{name}")]
    if name not in names:
        return others
    return [name, *others] if len(others) == 1 else [name]


def _meant(prefix: str | None) -> str:
    if prefix is None:
        return "column, config key or metric"
    return "config key" if prefix == "config" else "metric"


def _metric(name: str, metric: str, which: str) -> Column:
    def value(row: Row) -> float | None:
        found = row.metrics.get(metric)
        return None if found is None else found[which]

    return Column(name=name, kind="number", value=value, cell=value)


def _config(name: str, keys: list[str]) -> Column:
    def value(row: Row) -> Any:
        return next((found for key in keys if (found := row.glance.config.get(key)) is not None), None)

    return Column(name=name, kind=None, value=value, cell=value)
