"""Tables are fitted on the training split and treat other rows alike."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from launcher.data.kinds.table import MAX_CATEGORIES, TableInputs, fit_table
from launcher.errors import DataError

TRAIN = {"age": [20, 40, 60], "ok": [True, False, True], "city": ["b", "a", "b"]}


def fit(columns: dict[str, Any], *, normalize: str = "standard", impute: bool = False) -> TableInputs:
    fitted = fit_table(pa.table(columns), list(columns), normalize=normalize, impute=impute)
    return TableInputs(json.loads(json.dumps(fitted)))


def encode(inputs: TableInputs, columns: dict[str, Any]) -> NDArray[np.float32]:
    return inputs.encode(pa.table(columns), Counter())["inputs"]


def test_numbers_are_scaled_and_texts_are_one_hot() -> None:
    inputs = fit(TRAIN, normalize="minmax")
    expected = [[0, 1, 0, 1], [0.5, 0, 1, 0], [1, 1, 0, 1]]
    np.testing.assert_allclose(encode(inputs, TRAIN), expected)
    assert inputs.sizes == {"num_features": 4}


def test_statistics_come_from_the_training_split() -> None:
    other = encode(fit(TRAIN), {**TRAIN, "age": [40, 40, 40]})
    np.testing.assert_allclose(other[:, 0], 0, atol=1e-6)


def test_a_category_of_other_rows_alone_is_all_zeros() -> None:
    tally = Counter[str]()
    rows = fit(TRAIN).encode(pa.table({**TRAIN, "city": ["c", "a", "c"]}), tally)["inputs"]
    np.testing.assert_array_equal(rows[:, 2:], [[0, 0], [1, 0], [0, 0]])
    assert tally["unknown"] == 2


def test_a_boolean_that_is_missing_in_other_rows_is_filled() -> None:
    inputs = fit(TRAIN, normalize="none", impute=True)
    np.testing.assert_array_equal(encode(inputs, {**TRAIN, "ok": [None, None, None]})[:, 1], [1, 1, 1])


def test_numbers_are_imputed_by_the_median_and_texts_by_the_most_frequent() -> None:
    inputs = fit(TRAIN, normalize="none", impute=True)
    rows = encode(inputs, {"age": [None, float("inf"), 1.0], "ok": [True] * 3, "city": [None, "a", "a"]})
    np.testing.assert_array_equal(rows, [[40, 1, 0, 1], [40, 1, 1, 0], [1, 1, 1, 0]])


def test_lists_of_numbers_are_several_features() -> None:
    inputs = fit({"x": [[0.0, 10.0], [2.0, 30.0]]}, normalize="minmax")
    np.testing.assert_allclose(encode(inputs, {"x": [[1.0, 20.0]]}), [[0.5, 0.5]])


def test_a_large_offset_costs_no_precision() -> None:
    values = 1e9 + np.arange(5)
    np.testing.assert_allclose(
        encode(fit({"t": values}), {"t": values})[:, 0], np.arange(-2, 3) / np.sqrt(2), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"age": [1], "ok": [True]}, "column 'city' is not in the rows; they have age, ok"),
        ({**TRAIN, "age": ["x", "y", "z"]}, "column 'age' holds string, but numbers in the training split"),
        ({**TRAIN, "city": [1, 2, 3]}, "column 'city' holds int64, but text in the training split"),
        ({**TRAIN, "age": [1, None, 3]}, "row 2 has no finite value in column 'age'"),
        ({**TRAIN, "city": ["a", "b", None]}, "row 3 has no finite value in column 'city'"),
    ],
)
def test_rows_that_do_not_fit_are_refused(rows: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        encode(fit(TRAIN), rows)


def test_lists_of_another_length_are_refused() -> None:
    with pytest.raises(DataError, match="column 'x' holds 1 numbers a row, but 2 in training"):
        encode(fit({"x": [[0.0, 10.0]]}), {"x": [[1.0]]})


def test_too_many_categories_are_refused() -> None:
    with pytest.raises(DataError, match="column 'name' has 1,001 different texts"):
        fit({"name": [str(number) for number in range(MAX_CATEGORIES + 1)]})


def test_dates_as_text_are_refused() -> None:
    with pytest.raises(DataError, match="column 'day' holds dates, such as 2020-01-01"):
        fit({"day": ["2020-01-02", "2020-01-01 10:00"]})


def test_a_column_without_a_value_is_refused() -> None:
    with pytest.raises(DataError, match="column 'x' has no value in the training split"):
        fit({"x": pa.array([None, None], pa.float64())}, impute=True)
