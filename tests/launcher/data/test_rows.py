"""Rows in any of the shapes that people have become one Arrow table."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from launcher.data.rows import as_table, nested_numbers, numbers
from launcher.errors import DataError


def chunked(values: list, kind: pa.DataType | None = None) -> pa.ChunkedArray:
    whole = pa.array(values, kind)
    return pa.chunked_array([whole[:1], whole[1:]])


def test_lists_of_dicts_and_dicts_of_columns_are_the_same_rows() -> None:
    assert as_table([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]).equals(as_table({"a": [1, 2], "b": ["x", "y"]}))


@pytest.mark.parametrize("rows", [{"a": [1, 2], "b": [1]}, [{"a": 1}, {"a": "x"}]])
def test_rows_that_are_no_table_are_refused(rows: object) -> None:
    with pytest.raises(DataError, match="the rows are no table"):
        as_table(rows)  # type: ignore[arg-type]


def test_numbers_of_every_type_become_floats() -> None:
    for column in (chunked([1, None]), chunked([1.0, None]), chunked([True, None])):
        np.testing.assert_array_equal(numbers(column, name="x"), [[1.0], [np.nan]])


def test_lists_of_one_length_are_several_numbers() -> None:
    column = chunked([[1, 2], None, [3, None]], pa.list_(pa.int64()))
    np.testing.assert_array_equal(numbers(column, name="x"), [[1, 2], [np.nan, np.nan], [3, np.nan]])


def test_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(DataError, match="column 'x' must hold lists of one length"):
        numbers(chunked([[1, 2], [1]]), name="x")


def test_nested_lists_are_arrays() -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(nested_numbers(chunked(array.tolist()), name="x"), array)
