"""Rows of the table, as an index has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from launcher.dashboard.index.rows import Row
from launcher.dashboard.reading.glance import Glance

GLANCE = {field.name for field in fields(Glance)}


class MadeIndex:
    """An index of some rows."""

    def __init__(self, *rows: Row) -> None:
        self.version = 7
        self.searched_at: float | None = 1.0
        self._rows = list(rows)

    def rows(self) -> list[Row]:
        return self._rows.copy()


def make_row(run_id: str = "x", *, metrics: Mapping[str, Any] | None = None, **values: Any) -> Row:
    """A finished run; `metrics` are last values, or triples of the last, least and greatest one."""
    glance = {"state": "finished", "name": run_id, **{key: values[key] for key in values if key in GLANCE}}
    rest = {key: value for key, value in values.items() if key not in GLANCE}
    return Row(
        **{
            "key": f"key-{run_id}",
            "id": run_id,
            "kind": "windlass",
            "root": "/runs",
            "path": f"/runs/{run_id}",
            "version": 1,
            "duration": None,
            "glance": Glance(**glance),
            "metrics": {name: _metric(value) for name, value in (metrics or {}).items()},
            **rest,
        }
    )


def _metric(value: Any) -> dict[str, Any]:
    last, low, high = value if isinstance(value, tuple) else (value, None, None)
    return {"last": last, "min": low, "max": high}
