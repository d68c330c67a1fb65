"""Each part of the benchmark measures both sides and fills its rows; what it measures is not looked at here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks import fixed_cost, peak_memory, start_time, step_time
from tests.benchmarks.report import Cost, Row
from tests.benchmarks.workspace import workspace
from tests.settings import TINY_GPT, TINY_TEXT

ENDLESS_AND_TINY = (*TINY_GPT, *TINY_TEXT, "trainer.max_steps=100000", "trainer.eval_every_steps=null")


@pytest.fixture
def space() -> Iterator[Path]:
    with workspace() as path:
        yield path


def check(rows: list[Row], others: list[str]) -> None:
    assert [row.other for row in rows] == others
    for row in rows:
        assert row.ratio > 0
        assert all(cost.value > 0 for cost in (*row.ours, *row.theirs))
        assert all(row.cells[:6])


def test_a_row_compares_pair_by_pair() -> None:
    ours, theirs = [Cost(1.0), Cost(2.0), Cost(9.0)], [Cost(2.0), Cost(2.0), Cost(3.0)]
    row = Row(name="step", unit="ms", other="plain", ours=ours, theirs=theirs, limit=1.03)
    assert row.cells == ["step", "2000 ms", "plain", "2000 ms", "1.000", "0.500 - 3.000", "", "1.03 within"]


@pytest.mark.slow
def test_step_time_is_measured_on_one_and_on_two_processes(space: Path) -> None:
    check(step_time.measure(space, repeats=1, steps=3), ["plain loop", "plain DDP loop"])


@pytest.mark.slow
def test_the_fixed_cost_is_measured_beside_every_loop_whose_library_is_there(space: Path) -> None:
    rows = fixed_cost.measure(space, repeats=1, steps=3)
    check(rows, [name for name in fixed_cost.RIVALS if name in {row.other for row in rows}])
    assert {"plain loop", "accelerate", "transformers.Trainer"} <= {row.other for row in rows}


@pytest.mark.slow
def test_the_start_is_measured_on_two_processes_of_both_commands(space: Path) -> None:
    check(start_time.measure(space, repeats=1, overrides=ENDLESS_AND_TINY), ["accelerate launch"])


@pytest.mark.slow
def test_memory_is_measured_of_a_worker_and_of_the_whole_tree(space: Path) -> None:
    rows = peak_memory.measure(space, repeats=1, steps=2, overrides=ENDLESS_AND_TINY)
    check(rows, ["accelerate launch"] * 2)
    worker, tree = rows
    assert tree.ours[0].value > worker.ours[0].value
    assert tree.theirs[0].value > worker.theirs[0].value
