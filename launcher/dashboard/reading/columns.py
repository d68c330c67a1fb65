"""What was measured, as columns that grow."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from launcher.dashboard.reading.items import Names

GROWTH = 1.5


@dataclass(frozen=True, slots=True)
class Series:
    """One metric: arrays of equal length. They are not written to again."""

    steps: np.ndarray  # float64
    times: np.ndarray  # float64, Unix seconds; NaN where it is not known
    values: np.ndarray  # float64
    tokens: np.ndarray | None = None  # float64: seen up to there


class Growing:
    """An array to which one appends; a view that was taken stays as it is."""

    __slots__ = ("_buffer", "_size")

    def __init__(self, kind: type[np.generic] = np.float64) -> None:
        self._buffer = np.empty(0, kind)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def view(self) -> np.ndarray:
        return self._buffer[: self._size]

    @property
    def nbytes(self) -> int:
        return self._buffer.nbytes

    def append(self, values: np.ndarray) -> None:
        size = self._size + len(values)
        if size > len(self._buffer):
            grown = np.empty(max(size, int(len(self._buffer) * GROWTH)), self._buffer.dtype)
            grown[: self._size] = self.view
            self._buffer = grown
        self._buffer[self._size : size] = values
        self._size = size

    def keep(self, chosen: np.ndarray) -> None:
        """Only what is chosen, in memory of its own, so that earlier views stay as they are."""
        self._buffer = self.view[chosen]
        self._size = len(self._buffer)


class Column:
    """The values of one name, and the rows in which they stand."""

    __slots__ = ("rows", "values")

    def __init__(self) -> None:
        self.rows, self.values = Growing(np.int32), Growing()


class Table:
    """Rows, each with a step, a time and the tokens seen, and columns that have a value in some of them."""

    def __init__(self) -> None:
        self.names = Names()
        self.steps, self.times, self.tokens = Growing(), Growing(), Growing()
        self._columns: dict[int, Column] = {}

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def nbytes(self) -> int:
        columns = sum(column.rows.nbytes + column.values.nbytes for column in self._columns.values())
        return columns + self.steps.nbytes + self.times.nbytes + self.tokens.nbytes

    def add_rows(self, steps: np.ndarray, times: np.ndarray, tokens: np.ndarray | None = None) -> None:
        """New rows, without values."""
        self.steps.append(steps)
        self.times.append(times)
        self.tokens.append(np.full(len(steps), np.nan) if tokens is None else tokens)

    def add_values(self, codes: np.ndarray, rows: np.ndarray, values: np.ndarray) -> None:
        """Values of rows that were added, sorted by code (the place of the name in `names`), then by row."""
        bounds = [*np.flatnonzero(np.diff(codes, prepend=-1)).tolist(), len(codes)]
        for low, high in itertools.pairwise(bounds):
            column = self._columns.setdefault(int(codes[low]), Column())
            column.rows.append(rows[low:high])
            column.values.append(values[low:high])

    def keep(self, chosen: np.ndarray) -> None:
        """Only the rows that are chosen."""
        places = np.cumsum(chosen) - 1
        for column in self._columns.values():
            rows = column.rows.view
            column.values.keep(chosen[rows])
            kept = Growing(np.int32)
            kept.append(places[rows[chosen[rows]]])
            column.rows = kept
        for axis in (self.steps, self.times, self.tokens):
            axis.keep(chosen)

    def known(self) -> list[str]:
        """Names that have values, in the order in which they came; parts of tables and pictures are none."""
        return [name for name in map(self.names.names.__getitem__, self._columns) if self.has(name)]

    def has(self, name: str) -> bool:
        """Whether `known` tells this name."""
        column = self.column(name)
        media = self.names.media
        is_part = bool(media) and any(above in media for above in _above(name))
        return column is not None and len(column.rows) > 0 and not is_part

    def column(self, name: str) -> Column | None:
        """The values of a name; None where it has none."""
        place = self.names.find(name)
        return None if place is None else self._columns.get(place)


def _above(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:size]) for size in range(1, len(parts))]


def steps_at(times: np.ndarray, table_times: np.ndarray, table_steps: np.ndarray) -> np.ndarray:
    """The step at which a run was at some times; NaN where it never made one. A clock that jumps back stands still."""
    known = np.isfinite(table_times) & np.isfinite(table_steps)
    if not known.any():
        return np.full(len(times), np.nan)
    clock, steps = np.maximum.accumulate(table_times[known]), table_steps[known]
    places = np.searchsorted(clock, times, side="right") - 1
    return np.where(places < 0, 0.0, steps[np.maximum(places, 0)])


def tokens_at(steps: np.ndarray, table_steps: np.ndarray, table_tokens: np.ndarray) -> np.ndarray | None:
    """The tokens seen up to some steps, between those that were told in proportion; None where none were."""
    known = np.isfinite(table_tokens) & np.isfinite(table_steps)
    if not known.any():
        return None
    order = np.argsort(table_steps[known], kind="stable")
    return np.interp(steps, table_steps[known][order], table_tokens[known][order])
