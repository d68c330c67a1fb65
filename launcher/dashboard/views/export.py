"""Charts and tables as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from launcher.dashboard.views.axes import axis_of
from launcher.dashboard.views.held import held
from launcher.dashboard.views.series import chosen

if TYPE_CHECKING:
    from launcher.dashboard.reading.opened import OpenRun
    from launcher.dashboard.views.axes import Axis

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would carry out."""


def series_csv(runs: Iterable[OpenRun], *, names: Sequence[str], x: str = "step") -> Iterator[str]:
    """Every point of some metrics, a row each: run, metric, x, value; a part of the text at a time.

    Raises:
        RequestError: there is no such axis.
    """
    axis = axis_of(x)
    return _series_csv(runs, names, x, axis)


def _series_csv(
    runs: Iterable[OpenRun], names: Sequence[str], x: str, axis: Callable[[OpenRun], Axis]
) -> Iterator[str]:
    yield _rows([["run", "metric", x, "value"]])
    for run in runs:
        with held(run).lock:
            place = axis(run)
            parts = [
                (name, series.values, place.x(series)) for name in chosen(run, names) for series in [run.series(name)]
            ]
        for name, values, points in parts:
            about = [_cell(run.place.id), _cell(name)]
            pairs = zip(points.tolist(), values.tolist(), strict=True)
            yield _rows([*about, _number(point), _number(value)] for point, value in pairs)


def table_csv(table: dict[str, Any]) -> str:
    """The table of runs as it is shown, with the names of its columns."""
    header = [_cell(column["name"]) for column in table["columns"]]
    return _rows([header, *([_cell(cell) for cell in row["cells"]] for row in table["rows"])])


def _rows(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _number(value: float) -> float | int:
    """Whole numbers as such: a step is no fraction."""
    return int(value) if math.isfinite(value) and value == int(value) and abs(value) < 2**53 else value


def _cell(value: Any) -> Any:
    """Lists as words; a text that looks like a formula is marked as a text."""
    if isinstance(value, dict):  # progress
        value = "/".join(str(value[name]) for name in ("step", "num_steps") if value.get(name) is not None)
    if isinstance(value, list):
        value = " ".join(map(str, value))
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
