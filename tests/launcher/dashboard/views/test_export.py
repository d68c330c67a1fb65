"""What a spreadsheet gets."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from launcher.dashboard.views.export import series_csv, table_csv
from launcher.errors import RequestError
from tests.launcher.dashboard.made import STARTED, make_run, write_wandb
from tests.launcher.dashboard.views.looked_at import opened


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_every_point_is_a_row(tmp_path: Path) -> None:
    make_run(tmp_path, "a", steps=2_000, every=1, wandb=False)
    run = opened(tmp_path, "a")
    header, *rows = rows_of("".join(series_csv([run], names=["train/loss"])))
    assert header == ["run", "metric", "step", "value"]
    assert [float(row[3]) for row in rows] == run.series("train/loss").values.tolist()
    assert rows[0][:3] == ["a", "train/loss", "1"]


def test_what_is_no_number_is_named_and_names_are_quoted(tmp_path: Path) -> None:
    write_wandb(tmp_path / "wandb", run_id="b", rows=[{'a "b", c': float("nan")}, {'a "b", c': float("-inf")}])
    _, *rows = rows_of("".join(series_csv([opened(tmp_path, "b")], names=["*"], x="time")))
    assert rows == [["b", 'a "b", c', f"{STARTED:.0f}", "nan"], ["b", 'a "b", c', f"{STARTED + 1:.0f}", "-inf"]]


def test_no_name_is_carried_out_by_a_spreadsheet(tmp_path: Path) -> None:
    write_wandb(tmp_path / "wandb", run_id="b", rows=[{"=1+1": 1.0}])
    _, row = rows_of("".join(series_csv([opened(tmp_path, "b")], names=["*"])))
    assert row[1] == "'=1+1"


def test_an_unknown_axis_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="x='epoch' is no axis"):
        series_csv([], names=["*"], x="epoch")


def test_a_table_is_written_as_it_is_shown() -> None:
    table = {
        "columns": [
            {"name": "run", "kind": "run"},
            {"name": "progress", "kind": "progress"},
            {"name": "tags"},
            {"name": "@x"},
        ],
        "rows": [{"cells": ["=a", {"step": 3, "num_steps": 9, "seconds_left": None}, ["one", "two"], None]}],
    }
    assert rows_of(table_csv(table)) == [["run", "progress", "tags", "'@x"], ["'=a", "3/9", "one two", ""]]
