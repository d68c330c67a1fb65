"""Rows as Arrow tables: the one shape in which cleaning, fitting and encoding see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from launcher.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

BATCH_ROWS = 1024

Rows: TypeAlias = pa.Table | Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]
"""New rows: an Arrow table, a dict of columns or a list of dicts."""


def as_table(rows: Rows) -> pa.Table:
    """New rows as an Arrow table.

    Raises:
        DataError: a column mixes types, or columns differ in length.
    """
    if isinstance(rows, pa.Table):
        return rows
    try:
        if isinstance(rows, Mapping):
            return pa.table({name: pa.array(values) for name, values in rows.items()})
        return pa.Table.from_pylist(list(rows))
    except (pa.ArrowException, TypeError) as error:
        raise DataError(f"the rows are no table: {error}") from error


def table_of(dataset: Dataset, names: Sequence[str]) -> pa.Table:
    """Some columns of a data set, not copied where its rows lie one after the other."""
    return dataset.select_columns(list(names)).with_format("arrow")[:]


def column_of(dataset: Dataset, name: str) -> pa.ChunkedArray:
    """One column of a data set."""
    return table_of(dataset, [name]).column(0)


def batches(dataset: Dataset, *, size: int = BATCH_ROWS) -> Iterator[pa.Table]:
    """A data set in tables of at most `size` rows."""
    return iter(dataset.with_format("arrow").iter(batch_size=size))


def is_number(kind: pa.DataType) -> bool:
    """Integers, floats, decimals and booleans."""
    return (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
    )


def is_text(kind: pa.DataType) -> bool:
    """Strings, also as a dictionary of them."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def is_vector(kind: pa.DataType) -> bool:
    """Lists of numbers."""
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return lists and is_number(kind.value_type)


def numbers(column: pa.ChunkedArray, *, name: str) -> NDArray[np.float64]:
    """A column of numbers (n, 1) or of equally long lists of numbers (n, width); missing values are NaN.

    Raises:
        DataError: lists of different lengths.
    """
    if not is_vector(column.type):
        return pc.cast(column, pa.float64()).to_numpy()[:, None]
    there = pc.is_valid(column).to_numpy().astype(bool)
    known = nested_numbers(column.filter(pa.array(there)), name=name)
    values = np.full((len(column), known.shape[1]), np.nan)
    values[there] = known
    return values


def nested_numbers(column: pa.ChunkedArray, *, name: str) -> NDArray[np.float64]:
    """Lists of lists (of lists) of numbers, all of one shape, as an array (n, ...).

    Raises:
        DataError: lists of different lengths, or missing ones.
    """
    shape = [len(column)]
    while hasattr(column.type, "value_type"):
        lengths = pc.unique(pc.list_value_length(column)).to_pylist()
        if len(lengths) != 1 or lengths[0] is None:
            raise DataError(f"column {name!r} must hold lists of one length, but it holds {lengths[:5]}")
        shape.append(lengths[0])
        column = pc.list_flatten(column)
    return pc.cast(column, pa.float64()).to_numpy().reshape(shape)


def texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of text as plain strings, never as a dictionary."""
    return pc.cast(column, pa.large_string())
