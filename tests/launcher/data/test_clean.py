"""Rows that can't be used are dropped, refused or kept for imputation, and it is said which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow as pa
import pytest
from datasets import Dataset, Image

from launcher.config.schema import CleanConfig
from launcher.data.clean import clean
from launcher.data.roles import Roles
from launcher.errors import DataError

ROLES = Roles(inputs=("x", "city"), target=("y",), split=None)
ROWS: dict[str, list[Any]] = {
    "x": [1.0, None, 3.0, float("inf"), 1.0],
    "city": ["a", "b", None, "d", "a"],
    "y": [0, 1, 0, 1, 0],
}


def cleaned(
    rows: dict[str, list[Any]] | Dataset,
    *,
    roles: Roles = ROLES,
    impute_inputs: bool = True,
    empty: bool = False,
    **how: str,
) -> tuple[list[int], list[str]]:
    config = CleanConfig(
        **({"undecodable": "refuse", "missing": "drop", "duplicates": "keep", "non_finite": "drop"} | how)
    )
    dataset = rows if isinstance(rows, Dataset) else Dataset.from_dict(rows)
    keep, notes = clean(dataset, roles, config, impute_inputs=impute_inputs, empty_is_missing=empty)
    return np.flatnonzero(keep).tolist(), notes


def test_rows_with_missing_and_infinite_values_are_dropped() -> None:
    kept, notes = cleaned(ROWS)
    assert kept == [0, 4]
    assert notes == [
        "dropped 1 of 5 rows: a missing value in column 'x'",
        "dropped 1 of 5 rows: a missing value in column 'city'",
        "dropped 1 of 5 rows: a number that is not finite in column 'x'",
    ]


def test_rows_to_be_imputed_are_kept() -> None:
    assert cleaned(ROWS, missing="impute", non_finite="impute") == ([0, 1, 2, 3, 4], [])


def test_a_missing_target_is_never_imputed() -> None:
    kept, notes = cleaned({**ROWS, "y": [0, None, 0, 1, 0]}, missing="impute", non_finite="impute")
    assert kept == [0, 2, 3, 4]
    assert notes == ["dropped 1 of 5 rows: a missing value in column 'y'"]


def test_a_target_that_is_not_finite_is_never_imputed() -> None:
    kept, _ = cleaned({**ROWS, "y": [0.0, float("nan"), 0, 1, 0]}, missing="impute", non_finite="impute")
    assert kept == [0, 2, 3, 4]


@pytest.mark.parametrize("fault", ["missing", "non_finite"])
def test_refusing_names_column_row_and_override(fault: str) -> None:
    with pytest.raises(DataError, match=rf"column 'x', the first is row [24]; use dataset\.clean\.{fault}=drop or"):
        cleaned(ROWS, **{fault: "refuse"})


def test_missing_text_can_not_be_imputed() -> None:
    with pytest.raises(DataError, match=r"column 'city', the first is row 3; use dataset\.clean\.missing=drop$"):
        cleaned({"city": ["a", "b", None], "y": [0, 1, 0]}, roles=Roles(inputs=("city",), target=("y",), split=None),
                impute_inputs=False, missing="impute")  # fmt: skip


def test_the_first_of_equal_rows_stays() -> None:
    kept, notes = cleaned(ROWS, missing="impute", non_finite="impute", duplicates="drop")
    assert kept == [0, 1, 2, 3]
    assert notes == ["dropped 1 of 5 rows: copies of earlier ones"]


def test_rows_with_another_target_are_no_duplicates() -> None:
    kept, _ = cleaned({**ROWS, "y": [0, 1, 0, 1, 1]}, missing="impute", non_finite="impute", duplicates="drop")
    assert kept == [0, 1, 2, 3, 4]


def test_duplicates_can_be_refused() -> None:
    with pytest.raises(
        DataError, match=r"a copy of an earlier row, the first is row 5; use dataset\.clean\.duplicates"
    ):
        cleaned(ROWS, missing="impute", non_finite="impute", duplicates="refuse")


def test_lists_of_numbers_are_checked_and_compared() -> None:
    rows = {"x": [[1.0, 2.0], [float("nan"), 1.0], [1.0, 2.0]], "y": [0, 1, 0]}
    kept, _ = cleaned(rows, roles=Roles(inputs=("x",), target=("y",), split=None), duplicates="drop")
    assert kept == [0]


def test_images_are_compared_by_content(tmp_path: Path) -> None:
    for name, content in (("a", b"1"), ("b", b"2"), ("c", b"1")):
        (tmp_path / name).write_bytes(content)
    paths = {"image": [str(tmp_path / name) for name in "abc"], "y": [0, 0, 0]}
    rows = Dataset.from_dict(paths).cast_column("image", Image(decode=False))
    kept, _ = cleaned(rows, roles=Roles(inputs=("image",), target=("y",), split=None), duplicates="drop")
    assert kept == [0, 1]


def test_an_empty_text_may_count_as_missing() -> None:
    roles = Roles(inputs=("city",), target=(), split=None)
    assert cleaned({"city": ["a", ""]}, roles=roles, empty=True)[0] == [0]
    assert cleaned({"city": ["a", ""]}, roles=roles)[0] == [0, 1]


def test_no_row_left_is_an_error_that_says_why() -> None:
    with pytest.raises(DataError, match=r"cleaning left no row: dropped 2 of 2 rows: a missing value in column 'x'"):
        cleaned({"x": [None, None], "city": ["a", "b"], "y": [0, 1]})


def broken_texts() -> Dataset:
    texts = pa.array([b"fine", b"\xff", None, b"\xfe"], pa.binary()).view(pa.string())
    return Dataset(pa.table({"city": texts, "y": [0, 1, 1, 0]}))


def test_texts_of_a_columnar_file_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(
        DataError,
        match=r"2 row\(s\) have a value that can't be decoded in column 'city' \(not UTF-8: byte 0xff\), "
        r"the first is row 2; use dataset\.clean\.undecodable=skip$",
    ):
        cleaned(broken_texts(), roles=Roles(inputs=("city",), target=("y",), split=None))


def test_texts_of_a_columnar_file_that_are_not_utf8_can_be_skipped() -> None:
    kept, notes = cleaned(broken_texts(), roles=Roles(inputs=("city",), target=("y",), split=None), undecodable="skip")
    assert kept == [0]
    assert notes[0] == (
        "dropped 2 of 4 rows: a value that can't be decoded in column 'city', the first is row 2: not UTF-8: byte 0xff"
    )


def test_images_are_looked_into_where_broken_ones_are_skipped(tmp_path: Path) -> None:
    PIL.Image.new("RGB", (9, 9)).save(tmp_path / "fine.png")
    content = (tmp_path / "fine.png").read_bytes()
    for name, broken in (("cut", content[:-30]), ("empty", b""), ("text", b"no image"), ("zeros", bytes(100))):
        (tmp_path / f"{name}.png").write_bytes(broken)
    names = ["fine", "cut", "empty", "text", "zeros", "gone", "fine"]
    paths = {"image": [str(tmp_path / f"{name}.png") for name in names], "y": [0] * 7}
    rows = Dataset.from_dict(paths).cast_column("image", Image(decode=False))
    roles = Roles(inputs=("image",), target=("y",), split=None)
    kept, notes = cleaned(rows, roles=roles, undecodable="skip")
    assert kept == [0, 6]
    assert notes[0].startswith(
        "dropped 5 of 7 rows: a value that can't be decoded in column 'image', the first is row 2"
    )
    assert cleaned(rows, roles=roles)[0] == [0, 1, 2, 3, 4, 5, 6]


def test_copies_are_found_beside_an_image_that_is_gone(tmp_path: Path) -> None:
    PIL.Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    paths = {"image": [str(tmp_path / f"{name}.png") for name in ("a", "gone", "a")], "y": [0] * 3}
    rows = Dataset.from_dict(paths).cast_column("image", Image(decode=False))
    roles = Roles(inputs=("image",), target=("y",), split=None)
    assert cleaned(rows, roles=roles, duplicates="drop", undecodable="skip")[0] == [0]
