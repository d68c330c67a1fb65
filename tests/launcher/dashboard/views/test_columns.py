from __future__ import annotations

import pytest

from launcher.dashboard.views.columns import BUILT_IN, Known
from launcher.errors import RequestError
from tests.launcher.dashboard.views.made_rows import make_row


def test_every_column_has_a_value_of_each_run() -> None:
    bare, full = make_row(), make_row(step=5, num_steps=10, tags=["a"], started=1.0, duration=3.0)
    for column in BUILT_IN.values():
        column.value(bare)
        column.cell(bare)
    assert BUILT_IN["progress"].value(full) == 0.5
    assert BUILT_IN["progress"].cell(full) == {"step": 5, "num_steps": 10, "seconds_left": None}
    assert BUILT_IN["duration"].value(full) == 3.0


def test_a_run_is_called_by_its_name_or_else_its_id() -> None:
    assert BUILT_IN["run"].value(make_row("x", name="bright-sky-5")) == "bright-sky-5"
    assert BUILT_IN["run"].value(make_row("x", name="")) == "x"


def test_a_name_that_several_projects_give_means_the_key_of_each() -> None:
    rows = [make_row("theirs", config={"lr": 0.1}), make_row("ours", config={"optimizer.lr": 0.2})]
    column = Known(rows).find("lr")
    assert [column.value(row) for row in rows] == [0.1, 0.2]


def test_a_whole_name_hides_many_that_end_so() -> None:
    row = make_row(config={"lr": 0.1, "optimizer.lr": 0.2, "scheduler.lr": 0.3})
    assert Known([row]).find("lr").value(row) == 0.1


def test_a_key_and_a_metric_of_one_name_are_told_apart() -> None:
    row = make_row(config={"loss": "mse"}, metrics={"loss": 0.5})
    known = Known([row])
    assert [known.find(name).value(row) for name in ("loss", "last:loss", "config:loss")] == [0.5, 0.5, "mse"]


def test_the_last_part_of_a_metric_is_enough_where_it_is_one_only() -> None:
    row = make_row(metrics={"validation/accuracy": (0.9, 0.1, 0.95)})
    known = Known([row])
    assert [known.find(name).value(row) for name in ("accuracy", "min:accuracy", "max:accuracy")] == [0.9, 0.1, 0.95]


def test_a_name_that_may_mean_several_things_is_refused() -> None:
    known = Known([make_row(config={"a.lr": 1, "b.lr": 2})])
    with pytest.raises(RequestError, match=r"lr may mean a\.lr or b\.lr; type more of the name"):
        known.find("lr")
