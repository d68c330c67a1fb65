from __future__ import annotations

import json
import math
from typing import Any

import pytest

from launcher.dashboard.views.table import table
from launcher.errors import RequestError
from tests.launcher.dashboard.views.made_rows import MadeIndex, make_row


def show(*rows: Any, **asked: Any) -> dict[str, Any]:
    return table(MadeIndex(*rows), **asked)  # type: ignore[arg-type]


def names(answer: dict[str, Any]) -> list[str]:
    return [row["key"].removeprefix("key-") for row in answer["rows"]]


def test_a_table_of_no_runs_is_empty() -> None:
    answer = show()
    assert (answer["total"], answer["matching"], answer["rows"], answer["groups"]) == (0, 0, [], None)


def test_the_newest_run_is_first_unless_one_asks_otherwise() -> None:
    rows = [make_row(name, started=started) for name, started in (("a", 1.0), ("c", 3.0), ("b", 2.0))]
    assert names(show(*rows)) == ["c", "b", "a"]
    assert names(show(*rows, sort="started")) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("lr", ["small", "large", "text", "nan", "missing"]),
        ("-lr", ["text", "large", "small", "nan", "missing"]),
    ],
)
def test_values_of_any_kind_are_sorted_and_missing_ones_are_last(sort: str, expected: list[str]) -> None:
    values: dict[str, Any] = {"text": "fast", "large": 10, "nan": math.nan, "missing": None, "small": 0.5}
    rows = [make_row(name, config={"optimizer.lr": value}) for name, value in values.items()]
    assert names(show(*rows, sort=sort)) == expected


def test_runs_are_sorted_by_metrics_and_their_extremes() -> None:
    rows = [make_row("a", metrics={"loss": (0.5, 0.1, 1.0)}), make_row("b", metrics={"loss": (0.4, 0.2, 2.0)})]
    assert names(show(*rows, sort="loss")) == ["b", "a"]
    assert names(show(*rows, sort="min:loss")) == ["a", "b"]
    assert names(show(*rows, sort="-max:loss")) == ["b", "a"]


def test_runs_of_equal_values_keep_their_order() -> None:
    rows = [make_row(name, model="CNN") for name in "abc"]
    assert names(show(*rows, sort="model")) == names(show(*rows, sort="-model")) == ["a", "b", "c"]


def test_a_window_is_cut_from_what_the_filter_lets_through() -> None:
    rows = [make_row(str(number), step=number) for number in range(10)]
    answer = show(*rows, filter="step>=4", sort="step", offset=2, limit=3)
    assert (answer["total"], answer["matching"], names(answer)) == (10, 6, ["6", "7", "8"])


def test_cells_stand_in_the_order_of_columns() -> None:
    row = make_row(
        "x", step=5, num_steps=10, sweep_key="s", tags=["a"], config={"lr": 0.1}, metrics={"loss": (1, 2, 3)}
    )
    answer = show(row, columns=["run", "lr", "min:loss", "progress", "tags", "seconds_left"])
    assert answer["columns"] == [
        {"name": "run", "kind": "run"},
        {"name": "lr", "kind": "number"},
        {"name": "min:loss", "kind": "number"},
        {"name": "progress", "kind": "progress"},
        {"name": "tags", "kind": "tags"},
        {"name": "seconds_left", "kind": "duration"},
    ]
    progress = {"step": 5, "num_steps": 10, "seconds_left": None}
    cells = ["x", 0.1, 2, progress, ["a"], None]
    assert answer["rows"] == [{"key": "key-x", "cells": cells, "state": "finished", "sweep_key": "s"}]


@pytest.mark.parametrize(("value", "kind"), [(1, "number"), (0.5, "number"), ("1", "text"), (True, "text")])
def test_a_config_key_is_drawn_as_its_values_are(value: object, kind: str) -> None:
    answer = show(make_row(config={"key": value}), make_row(config={}), columns=["key"])
    assert answer["columns"][0]["kind"] == kind


def test_numbers_that_json_does_not_know_travel_as_texts() -> None:
    metrics = {"a": math.nan, "b": math.inf, "c": -math.inf}
    answer = show(make_row(metrics=metrics, config={"key": math.inf}), columns=["a", "b", "c", "key"])
    assert answer["rows"][0]["cells"] == ["NaN", "Infinity", "-Infinity", "Infinity"]
    json.dumps(answer, allow_nan=False)


def test_a_column_that_no_run_has_any_more_is_empty() -> None:
    answer = show(make_row("x"), columns=["run", "gone"])
    assert answer["rows"][0]["cells"] == ["x", None]


def test_telling_metrics_are_shown_by_default() -> None:
    metrics = dict.fromkeys(["train/grad", "train/loss", "validation/loss", "test/loss", "validation/f1"], 1.0)
    shown = [column["name"] for column in show(make_row(metrics=metrics))["columns"]]
    assert shown == [
        *("run", "state", "progress", "seconds_left"),
        *("train/loss", "validation/loss", "validation/f1"),
        *("duration", "device_hours", "sweep", "tags", "started"),
    ]


def test_other_peoples_runs_show_the_metrics_that_most_have() -> None:
    rows = [make_row("a", metrics={"rare": 1, "x": 1, "y": 1}), make_row("b", metrics={"y": 1, "x": 1, "z": 1})]
    shown = [column["name"] for column in show(*rows)["columns"]][4:7]
    assert shown == ["x", "y", "rare"]


def test_all_names_are_known() -> None:
    rows = [make_row(config={"b": 1, "a": 2}), make_row(config={"c": 1}, metrics={"m": 1.0})]
    known = show(*rows)["known"]
    assert (known["config"], known["metrics"]) == (["a", "b", "c"], ["m"])
    assert "device_hours" in known["columns"]


@pytest.mark.parametrize("asked", [{"filter": "strat>1"}, {"sort": "-strated"}, {"group": "modle"}])
def test_a_wrong_name_is_told(asked: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match="did you mean"):
        show(make_row(), **asked)


@pytest.mark.parametrize("asked", [{"filter": "loss<1"}, {"sort": "-min:loss"}, {"group": "width"}])
def test_while_runs_are_still_looked_for_a_name_may_come_yet(asked: dict[str, Any]) -> None:
    index = MadeIndex(make_row())
    index.searched_at = None
    assert table(index, **asked)["total"] == 1  # type: ignore[arg-type]


def grouped(**asked: Any) -> dict[str, Any]:
    rows = [
        make_row("a", config={"width": 64}, state="failed", started=1.0, metrics={"validation/loss": math.nan}),
        make_row("b", config={"width": 64.0}, started=2.0, metrics={"validation/loss": 0.5}),
        make_row("c", config={"width": 8}, started=3.0, metrics={"validation/loss": 0.7}),
        make_row("d", started=4.0),
    ]
    return show(*rows, group="width", **asked)


def test_runs_that_share_a_value_are_a_group() -> None:
    answer = grouped()
    assert answer["rows"] == []
    assert [group["value"] for group in answer["groups"]] == ["8", "64", "–"]
    assert answer["groups"][1] == {
        "value": "64",
        "count": 2,
        "states": {"finished": 1, "failed": 1},
        "best": {"metric": "validation/loss", "value": 0.5, "key": "key-b"},
        "key_rows": 0,
    }
    assert answer["groups"][2]["best"] is None


def test_rows_are_those_of_expanded_groups_in_their_order() -> None:
    answer = grouped(expanded=["–", "64"])
    assert [(row["group"], row["key"]) for row in answer["rows"]] == [("64", "key-b"), ("64", "key-a"), ("–", "key-d")]
    assert [group["key_rows"] for group in answer["groups"]] == [0, 2, 1]
    assert names(grouped(expanded=["–", "64"], offset=1, limit=1)) == ["a"]


def test_groups_whose_names_hold_commas_can_be_expanded() -> None:
    rows = [make_row("a", tags=["x", "y"]), make_row("b", tags=["x"])]
    assert names(show(*rows, group="tags", expanded=["x, y"])) == ["a"]
    assert "a" in names(show(*rows, group="tags", expanded=["x", " y"]))


def test_the_best_of_a_group_is_the_greatest_accuracy() -> None:
    rows = [make_row(name, metrics={"accuracy": value}) for name, value in (("a", 0.5), ("b", 0.9))]
    (group,) = show(*rows, group="state", sort="accuracy")["groups"]
    assert group["best"] == {"metric": "accuracy", "value": 0.9, "key": "key-b"}
