"""Columns grow, lose rows, and leave the arrays that they gave as they are."""

from __future__ import annotations

import numpy as np

from launcher.dashboard.reading.columns import Growing, Table, steps_at, tokens_at

NAN = float("nan")


def make_table(steps: list[float]) -> Table:
    table = Table()
    table.add_rows(np.array(steps), np.array(steps) + 100)
    rows = np.arange(len(steps))
    table.add_values(np.full(len(steps), table.names.place("loss")), rows, np.array(steps) * 10)
    return table


def test_a_view_stays_as_it_is_while_the_array_grows_and_loses() -> None:
    growing = Growing()
    growing.append(np.array([1.0, 2.0]))
    view = growing.view
    growing.append(np.array([3.0]))
    growing.keep(np.array([True, False, False]))
    growing.append(np.array([9.0, 9.0]))
    assert view.tolist() == [1.0, 2.0]
    assert growing.view.tolist() == [1.0, 9.0, 9.0]


def test_rows_that_are_not_kept_take_their_values_along() -> None:
    table = make_table([1, 2, 3, 4])
    table.add_values(np.array([table.names.place("late")]), np.array([3]), np.array([0.5]))
    table.keep(table.steps.view <= 2)
    table.add_rows(np.array([3.0]), np.array([200.0]))
    table.add_values(np.array([table.names.place("loss")]), np.array([2]), np.array([7.0]))
    column = table.column("loss")
    assert table.known() == ["loss"]
    assert table.times.view[column.rows.view].tolist() == [101, 102, 200]
    assert column.values.view.tolist() == [10, 20, 7]


def test_the_step_at_a_time_is_the_last_one_before_also_when_the_clock_jumps() -> None:
    times, steps = np.array([10.0, 20.0, 5.0, 30.0]), np.array([1.0, 2.0, 3.0, 4.0])
    assert steps_at(np.array([0.0, 10.0, 19.0, 25.0, 99.0]), times, steps).tolist() == [0, 1, 1, 3, 4]


def test_without_steps_there_is_none_at_any_time() -> None:
    assert np.isnan(steps_at(np.array([1.0]), np.empty(0), np.empty(0))).all()


def test_tokens_are_told_in_proportion_to_the_steps() -> None:
    tokens = tokens_at(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0]), np.array([10.0, NAN, 30.0]))
    assert tokens.tolist() == [10, 20, 30]
    assert tokens_at(np.array([1.0]), np.array([1.0]), np.array([NAN])) is None
