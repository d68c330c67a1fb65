"""Runs side by side."""

from __future__ import annotations

import json
from pathlib import Path

from launcher.dashboard.views.compare import compare, config_rows
from tests.launcher.dashboard.made import make_run, write_wandb
from tests.launcher.dashboard.views.looked_at import pair


def test_keys_that_differ_come_first() -> None:
    rows = config_rows([{"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 5, "d": None}])
    assert [(row["key"], row["values"], row["differs"]) for row in rows] == [
        ("b", [2, 5], True),
        ("c", [3, None], True),
        ("d", [None, None], True),
        ("a", [1, 1], False),
    ]


def test_nan_is_no_difference() -> None:
    (row,) = config_rows([{"a": float("nan")}, {"a": float("nan")}])
    assert not row["differs"]


def test_metrics_of_runs_stand_side_by_side(tmp_path: Path) -> None:
    make_run(tmp_path, "a", metrics={"validation/loss": 0.5})
    write_wandb(tmp_path / "wandb", run_id="b", rows=[{"loss": 3.0}, {"loss": 1.0}, {"loss": float("inf")}])
    found = compare([pair(tmp_path, "a"), pair(tmp_path, "b", name="<b>")])
    assert [(run["name"], run["state"]) for run in found["runs"]] == [("a", "finished"), ("<b>", "finished")]
    metrics = {metric["name"]: metric for metric in found["metrics"]}
    assert metrics["validation/loss"]["last"] == [0.5, None]
    assert [metrics["loss"][end] for end in ("last", "min", "max")] == [[None, "Infinity"], [None, 1.0], [None, 3.0]]
    json.dumps(found, allow_nan=False)


def test_thousands_of_keys_are_compared(tmp_path: Path) -> None:
    configs = [{f"key{number}": number + (number == 7) * run for number in range(10_000)} for run in range(3)]
    rows = config_rows(configs)
    assert [row["key"] for row in rows if row["differs"]] == ["key7"]
    assert len(rows) == 10_000
