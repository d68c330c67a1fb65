"""Whatever rows a source returns, they become one data set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, IterableDataset, Value

from launcher.data.sources.loading import Loaded, load
from launcher.errors import DataError


class Returns:
    """A source that returns what it was given."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def load(self) -> Any:
        if isinstance(self.rows, Exception):
            raise self.rows
        return self.rows


def loaded(rows: Any) -> Loaded:
    return load(Returns(rows))


ROWS = [{"x": 1, "y": "a"}, {"x": 2, "y": "b"}]


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        {"x": [1, 2], "y": ["a", "b"]},
        {"x": np.array([1, 2]), "y": np.array(["a", "b"])},
        pd.DataFrame(ROWS),
        pd.DataFrame(ROWS, index=[7, 3]),
        Dataset.from_list(ROWS),
        Dataset.from_list(ROWS).with_format("numpy"),
        {"train": ROWS},
    ],
)
def test_rows_of_any_shape_are_the_same(rows: Any) -> None:
    assert loaded(rows).rows.to_list() == ROWS
    assert loaded(rows).given is None


@pytest.mark.parametrize(
    "splits",
    [
        DatasetDict(train=Dataset.from_list(ROWS), test=Dataset.from_list(ROWS[:1])),
        {"train": ROWS, "test": ROWS[:1]},
        {"train": pd.DataFrame(ROWS), "test": pd.DataFrame(ROWS[:1])},
        {"train": {"x": [1, 2], "y": ["a", "b"]}, "test": {"x": [1], "y": ["a"]}},
    ],
)
def test_splits_of_any_shape_are_the_same(splits: Any) -> None:
    result = loaded(splits)
    assert result.given is not None
    assert result.given.tolist() == [0, 0, 2]
    assert result.rows.to_list() == [*ROWS, ROWS[0]]


def test_other_names_of_splits_are_known() -> None:
    result = loaded({"train": ROWS, "dev": ROWS, "valid": ROWS[:1]})
    assert result.given is not None
    assert np.bincount(result.given).tolist() == [2, 3]


def test_missing_values_of_a_frame_are_missing() -> None:
    assert loaded(pd.DataFrame({"x": [1.0, None]})).rows["x"][:] == [1.0, None]


def test_arrays_are_rows_of_lists() -> None:
    rows = loaded({"x": np.arange(6.0).reshape(2, 3), "image": np.zeros((2, 4, 4))}).rows
    assert rows[1]["x"] == [3.0, 4.0, 5.0]
    assert np.array(rows[0]["image"]).shape == (4, 4)


def test_class_numbers_become_names_that_mean_the_same_in_each_split() -> None:
    def part(names: list[str], labels: list[int]) -> Dataset:
        return Dataset.from_dict({"y": labels}, features=Features({"y": ClassLabel(names=names)}))

    result = loaded({"train": part(["cat", "dog"], [0, 1]), "test": part(["dog"], [0, -1])})
    assert result.rows["y"][:] == ["cat", "dog", "dog", None]
    assert result.class_names == {"y": ["cat", "dog"]}


def test_numbers_of_two_types_are_joined() -> None:
    result = loaded({"train": {"x": [1, 2]}, "test": {"x": [0.5]}, "validation": {"x": [3]}})
    assert result.rows["x"][:] == [1.0, 2.0, 0.5, 3.0]


def test_a_column_that_one_split_lacks_is_missing_there() -> None:
    assert loaded({"train": ROWS, "test": [{"x": 3}]}).rows["y"][:] == ["a", "b", None]


def test_columns_of_two_types_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"column 'x' is Value\('int64'\) in the split train and Value\('string'\) in test"
    ):
        loaded({"train": ROWS, "test": [{"x": "one", "y": "a"}]})


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (3, "returned int; return a datasets.Dataset, a pandas DataFrame"),
        (None, "returned NoneType"),
        ("rows", "returned str"),
        ([1, 2], "returned list"),
        (IterableDataset.from_generator(lambda: iter(ROWS)), "returned IterableDataset"),
        ([], "returned no rows"),
        ({"x": []}, "returned no rows"),
        ({"x": [1, 2], "y": [1]}, "is no table"),
        ({"train": ROWS, "holdout": ROWS}, "gives the splits train, holdout; use train, validation, test"),
        ({"test": ROWS, "validation": ROWS}, "gives the splits test, validation; use train"),
    ],
)
def test_what_is_no_table_is_refused(rows: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        loaded(rows)


def test_an_error_of_the_source_names_the_line() -> None:
    with pytest.raises(DataError, match=r"Returns\.load\(\) failed: KeyError: 'x' \(.*test_loading\.py, line \d+\)"):
        loaded(KeyError("x"))


def test_our_own_errors_come_through() -> None:
    with pytest.raises(DataError, match=r"^mine$"):
        loaded(DataError("mine"))


def test_features_survive() -> None:
    features = Features({"x": Value("float32")})
    assert loaded(Dataset.from_dict({"x": [1.0]}, features=features)).rows.features == features
