from __future__ import annotations

import json
from pathlib import Path

import pytest

from launcher.dashboard.index import whole
from launcher.dashboard.index.discover import discover
from launcher.dashboard.index.watch import Watched
from launcher.dashboard.index.whole import WholeReader
from tests.launcher.dashboard.made import write_wandb


def read(root: Path) -> tuple[Watched, dict[str, list[float]]]:
    (place,) = discover([root]).places
    run, reader = Watched(place=place, signature="now"), WholeReader()
    reader.begin(run)
    while (done := reader.take()) is None:
        reader.wait(10.0)
    assert done[0] is run
    return run, json.loads(done[1])


def test_extremes_of_a_whole_run_are_read_but_those_of_the_machine(tmp_path: Path) -> None:
    rows = [{"loss": value} for value in (3.0, 1.0, float("nan"), 2.0)]
    write_wandb(tmp_path, rows=rows, stats=3)
    run, extremes = read(tmp_path)
    assert extremes == {"loss": [1.0, 3.0]}
    assert run.read_signature == "now"


def test_a_run_that_can_not_be_read_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(run: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(whole, "extremes", fail)
    write_wandb(tmp_path)
    run, extremes = read(tmp_path)
    assert extremes == {}
    assert not run.wants_reading(1e9)
    assert "a bug" in capfd.readouterr().err
