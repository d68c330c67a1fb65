"""Columns are found by the config, or guessed where there is one way to guess; else the error lists them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from datasets import Dataset, Image

from launcher.config.schema import DatasetConfig
from launcher.data.roles import Roles, assign_roles
from launcher.errors import DataError, RequestError


@pytest.fixture
def assign(make_config: Callable[..., DatasetConfig]) -> Callable[..., Roles]:
    def run(columns: dict[str, list[Any]], *, labels: str = "classes", **changes: Any) -> Roles:
        return assign_roles(Dataset.from_dict(columns), make_config("x.Y", **changes), labels=labels)

    return run


TABLE: dict[str, list[Any]] = {"age": [1], "city": ["a"], "label": [0], "fold": ["train"]}


def test_inputs_of_a_table_are_all_other_columns(assign: Callable[..., Roles]) -> None:
    roles = assign(TABLE, target="label", split={"method": "column", "column": "fold"})
    assert roles == Roles(inputs=("age", "city"), target=("label",), split="fold")


def test_the_column_of_text_is_found(assign: Callable[..., Roles]) -> None:
    assert assign({"id": [1], "body": ["a"]}, kind="text", labels="next_tokens").inputs == ("body",)
    assert assign({"title": ["a"], "text": ["a"]}, kind="text", labels="next_tokens").inputs == ("text",)


def test_two_columns_of_text_must_be_chosen_from(assign: Callable[..., Roles]) -> None:
    with pytest.raises(DataError, match=r"name the column that holds the text, one of title, body"):
        assign({"title": ["a"], "body": ["a"]}, kind="text", labels="next_tokens")


def test_the_column_of_images_is_found(make_config: Callable[..., DatasetConfig]) -> None:
    rows = Dataset.from_dict({"picture": ["a.png"], "y": [0]}).cast_column("picture", Image(decode=False))
    roles = assign_roles(rows, make_config("x.Y", kind="image", target="y"), labels="classes")
    assert roles.inputs == ("picture",)


def test_the_target_of_a_language_model_is_ignored(assign: Callable[..., Roles]) -> None:
    assert assign({"text": ["a"], "label": [1]}, kind="text", target="label", labels="next_tokens").target == ()


def test_several_targets_are_for_regression(assign: Callable[..., Roles]) -> None:
    assert assign({"x": [1], "y": [1], "z": [1]}, target=["y", "z"], labels="values").target == ("y", "z")
    with pytest.raises(DataError, match="classification takes one column"):
        assign({"x": [1], "y": [1], "z": [1]}, target=["y", "z"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"target": "lable"},
            r"dataset\.target=lable is not a column .* \(did you mean label\?\); they have age, city, label and fold",
        ),
        ({}, r"dataset\.target is not set; name the column to predict, one of age, city, label, fold"),
        (
            {"target": "label", "inputs": ["agee"]},
            r"dataset\.inputs=agee is not a column of the data \(did you mean age\?\)",
        ),
        ({"target": "age", "inputs": ["age"]}, "both in dataset.inputs and dataset.target"),
        ({"target": "label", "kind": "text", "inputs": "age"}, "column 'age' holds int64, not text"),
        ({"target": "label", "kind": "text", "inputs": ["age", "city"]}, "dataset.kind=text takes one column"),
        ({"target": "label", "kind": "image", "inputs": "age"}, "column 'age' holds int64, not images"),
        ({"target": "label", "split": {"method": "column"}}, r"dataset\.split\.column is not set"),
        ({"target": "label", "split": {"method": "column", "column": "x"}}, r"dataset\.split\.column=x is not"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(
    changes: dict[str, Any], message: str, assign: Callable[..., Roles]
) -> None:
    with pytest.raises(DataError, match=message):
        assign(TABLE, **changes)


def test_dates_are_refused_with_the_override_that_leaves_them_out(assign: Callable[..., Roles]) -> None:
    with pytest.raises(DataError, match=r"column 'day' holds dates or times.*dataset\.inputs=\[age\]"):
        assign({"day": [date(2020, 1, 1)], "age": [1], "y": [0]}, target="y")


def test_a_column_of_nothing_is_refused(assign: Callable[..., Roles]) -> None:
    with pytest.raises(DataError, match="column 'empty' holds nothing but missing values"):
        assign({"empty": [None], "age": [1], "y": [0]}, target="y")


def test_a_table_has_no_next_tokens(assign: Callable[..., Roles]) -> None:
    with pytest.raises(RequestError, match=r"dataset.kind=table has no tokens to predict"):
        assign(TABLE, labels="next_tokens")
