"""Splits have the sizes that are asked for, the proportions of classes, and depend on their own seed alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from launcher.config.schema import SplitConfig
from launcher.data.split import split_rows
from launcher.errors import DataError


def split(
    num_rows: int,
    *,
    given: list[int] | None = None,
    column: list[Any] | None = None,
    strata: NDArray[np.int64] | None = None,
    **changes: Any,
) -> NDArray[np.int8]:
    config = SplitConfig(**({"method": "ratio", "validation": 0.2, "test": 0.1, "column": "fold", "seed": 0} | changes))
    ids, _ = split_rows(
        num_rows,
        config,
        given=None if given is None else np.array(given, dtype=np.int8),
        column=None if column is None else pa.chunked_array([pa.array(column)]),
        strata=strata,
    )
    return ids


def test_a_ratio_gives_the_sizes_that_are_asked_for() -> None:
    assert np.bincount(split(1000)).tolist() == [700, 200, 100]


def test_the_seed_decides() -> None:
    np.testing.assert_array_equal(split(100), split(100))
    assert (split(100) != split(100, seed=1)).any()


def test_each_split_has_the_proportions_of_the_classes() -> None:
    strata = np.repeat([0, 1, 2], [600, 300, 100])
    ids = split(1000, strata=strata)
    for index, size in enumerate((700, 200, 100)):
        np.testing.assert_array_equal(np.bincount(strata[ids == index]), np.array([0.6, 0.3, 0.1]) * size)


def test_rare_classes_do_not_spoil_the_total() -> None:
    strata = np.arange(100) % 33
    assert np.bincount(split(100, strata=strata)).tolist() == [70, 20, 10]


def test_a_class_with_one_row_is_trained_on() -> None:
    strata = np.array([0] * 50 + [1])
    assert all(split(51, strata=strata, seed=seed)[-1] == 0 for seed in range(20))


def test_no_share_means_no_rows() -> None:
    assert np.bincount(split(50, validation=0.0, test=0.0)).tolist() == [50]


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(DataError, match="3 rows are too few: the test split would be empty"):
        split(3)


def test_shares_that_leave_nothing_are_refused() -> None:
    with pytest.raises(DataError, match="leave nothing to train on"):
        split(100, validation=0.6, test=0.4)


def test_a_column_names_the_split_of_each_row() -> None:
    ids = split(4, method="column", column=["test", "Train", "val", "training"])
    assert ids.tolist() == [2, 0, 1, 0]


@pytest.mark.parametrize("value", ["holdout", None])
def test_an_unknown_name_in_the_column_is_refused(value: str | None) -> None:
    with pytest.raises(DataError, match=f"column 'fold' names the split {value!r}"):
        split(3, method="column", column=["train", value, "test"])


def test_given_splits_are_kept() -> None:
    assert split(4, method="given", given=[0, 0, 1, 2]).tolist() == [0, 0, 1, 2]


def test_validation_rows_are_taken_from_training_where_none_are_given() -> None:
    ids = split(110, method="given", given=[0] * 100 + [2] * 10)
    assert np.bincount(ids).tolist() == [80, 20, 10]
    assert (ids[100:] == 2).all()


def test_training_rows_too_few_to_take_some_from_are_refused() -> None:
    with pytest.raises(DataError, match=r"1 row\(s\) are too few to validate on .* use dataset\.split\.validation=0"):
        split(1, method="given")


def test_given_splits_are_not_mixed() -> None:
    with pytest.raises(DataError, match=r"come with the splits train, test, .* use dataset\.split\.method=given"):
        split(4, given=[0, 0, 2, 2])


def test_a_split_without_training_rows_is_refused() -> None:
    with pytest.raises(DataError, match="the training split has no rows"):
        split(2, method="column", column=["test", "validation"])
