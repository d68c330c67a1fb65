"""What cursors are made of."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from launcher.dashboard.views import held as module
from launcher.dashboard.views.held import held
from tests.launcher.dashboard.made import make_run, write_wandb
from tests.launcher.dashboard.views.looked_at import opened


def test_points_are_counted_as_series_have_them(tmp_path: Path) -> None:
    make_run(tmp_path, "a", steps=40, every=1, resumed=[(25, 20)])
    folder = tmp_path / "wandb"
    write_wandb(folder, run_id="b", rows=[{"x": 1.0}, {"x": 2.0, "system/cpu": 1.0}] * 9, stats=3, exit_code=None)
    write_wandb(folder, run_id="b", rows=8, first_step=11, started=1_790_000_500.0, stats=2)
    for run_id in ("a", "b"):
        run = opened(tmp_path, run_id)
        assert run.counts() == {name: len(run.series(name).values) for name in run.names()}
        assert sum(run.counts().values()) > 0


def test_a_cursor_is_short_and_the_same_until_something_changes(tmp_path: Path) -> None:
    path = make_run(tmp_path, "a", wandb=False)
    run = opened(tmp_path, "a")
    cursor = held(run).cursor(run)
    assert cursor == held(run).cursor(run)
    assert len(cursor) < 30
    with (path / "events.jsonl").open("a") as file:
        file.write('{"event": "step", "time": 1.0, "step": 41, "loss": 1.0}\n')
    run.read()
    assert held(run).cursor(run) != cursor


def test_nothing_is_remembered_of_a_run_that_is_closed(tmp_path: Path) -> None:
    make_run(tmp_path, "a", wandb=False)
    before = len(module._HELD)
    run = opened(tmp_path, "a")
    held(run).cursor(run)
    assert len(module._HELD) == before + 1
    del run
    gc.collect()
    assert len(module._HELD) == before


def test_cursors_of_many_metrics_take_no_more_than_their_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_run(tmp_path, "a", wandb=False)
    run = opened(tmp_path, "a")
    cursors = []
    for step in range(41, 46):
        cursors.append(held(run).cursor(run))
        monkeypatch.setattr(module, "REMEMBERED_BYTES", 3 * 4 * len(run.names()))
        with (path / "events.jsonl").open("a") as file:
            file.write(f'{{"event": "step", "time": 1.0, "step": {step}, "loss": 1.0}}\n')
        run.read()
    seen = [held(run).seen(run, cursor) is not None for cursor in cursors]
    assert seen == [False, False, True, True, True]
