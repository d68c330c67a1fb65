"""Each part of the benchmark measures both sides and fills its rows; what it measures is not looked at here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.benchmarks import (
    checkpoints,
    dashboard,
    fixed_cost,
    gpu,
    peak_memory,
    restart,
    start_time,
    step_time,
    strategies,
    sweeps,
    throughput,
    trackio_page,
)
from tests.benchmarks.report import Cost, Row
from tests.benchmarks.workspace import workspace
from tests.settings import TINY_GPT, TINY_TEXT

ENDLESS_AND_TINY = (*TINY_GPT, *TINY_TEXT, "trainer.max_steps=100000", "trainer.eval_every_steps=null")

TINY_SHAPE = (*TINY_GPT, "model.mlp_width=64")


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


def test_a_rate_is_shown_a_second_and_compared_by_its_time() -> None:
    row = Row(name="speed", unit="tokens/s", other="other", ours=[Cost(0.001)], theirs=[Cost(0.002)], limit=1.0)
    assert row.cells == ["speed", "1000 tokens/s", "other", "500 tokens/s", "0.500", "0.500 - 0.500", "", "1.00 within"]


@pytest.mark.slow
def test_step_time_is_measured_beside_a_plain_loop(space: Path) -> None:
    check(step_time.measure(space, repeats=1, steps=3), ["plain loop"])


@pytest.mark.slow
def test_each_strategy_is_measured_beside_the_same_by_hand(space: Path) -> None:
    rows = strategies.measure(space, repeats=1, steps=2)
    check(rows, [other for other, _ in strategies.STRATEGIES.values()])


@pytest.mark.slow
def test_throughput_is_measured_eager_and_compiled(space: Path) -> None:
    check(throughput.measure(space, repeats=1, steps=1, overrides=TINY_SHAPE), ["transformers' Llama"] * 2)


@pytest.mark.slow
def test_what_is_measured_on_a_gpu_is_tried_on_the_cpu(space: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shape = gpu.Shape(
        num_layers=1, width=32, num_heads=2, num_kv_heads=1, mlp_width=64, batch_size=2, sequence_length=16
    )
    overrides = ("trainer.compile=false", "dataset.max_rows=1")
    assert not gpu.measure(space, repeats=1, steps=2, device="cpu", shapes={"tiny": shape}, overrides=overrides)
    *_, ours, theirs = capsys.readouterr().out.splitlines()
    ours_cells, theirs_cells = ours.split(" | "), theirs.split(" | ")
    assert ours_cells[0].endswith("gpt tiny")
    assert theirs_cells[0].endswith("Llama tiny")
    assert ours_cells[1] == theirs_cells[1] == "2M"


def test_without_a_gpu_the_part_is_skipped(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert not gpu.measure(space, repeats=1, steps=1)


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


@pytest.mark.slow
def test_checkpoints_are_measured_beside_torch_and_accelerate(space: Path) -> None:
    rows = checkpoints.measure(space, repeats=1, overrides=TINY_SHAPE, processes=(2,))
    check(rows, [*checkpoints.OTHERS.values()] * 2 + ["one copy of the state"])


@pytest.mark.slow
def test_the_restart_after_a_kill_is_measured_of_both_commands(space: Path) -> None:
    check(restart.measure(space, repeats=1, steps=2, overrides=ENDLESS_AND_TINY), ["torchrun"])


@pytest.mark.slow
def test_sweeps_are_measured_beside_every_other_way(space: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    rows = sweeps.measure(space, repeats=1, steps=5, trials=3, rival_trials=2)
    more = ["150 ms promised", "the same on 1 slot", "import torch"]
    check(rows, [*sweeps.RIVALS, sweeps.BEST, *sweeps.RIVALS * 2, *more])
    *of_jobs, best = rows[:4]
    assert best.ratio == max(row.ratio for row in of_jobs)


@pytest.mark.slow
def test_the_dashboard_is_measured_beside_its_promises_and_the_page_of_another(space: Path) -> None:
    size = dashboard.Size(steps=50, runs=12, contents=2, few_runs=6, few_steps=20, live_s=4)
    rows = dashboard.measure(space, repeats=1, steps=None, size=size)
    promises = ["6 s promised", "1 s promised", "2 s promised", "300 MB promised", "20 ms promised", "2 s promised"]
    theirs = [trackio_page.NAME] * 2 if trackio_page.is_installed() else []
    check(rows[-len(promises + theirs) :], promises + theirs)
