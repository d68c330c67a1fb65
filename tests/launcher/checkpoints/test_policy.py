from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from launcher.checkpoints.marker import Checkpoint, begin, publish, published
from launcher.checkpoints.policy import best_steps, surplus
from tests.launcher.parallel.configs import BASE


def taken(directory: Path, metrics: Mapping[int, float | None]) -> list[Checkpoint]:
    """Checkpoints at some steps; those with a number were taken right after an evaluation that gave it."""
    for step, loss in metrics.items():
        publish(begin(directory, step), state={"metrics": {} if loss is None else {"loss": loss}}, files={})
    return published(directory)


def kept(checkpoints: list[Checkpoint], **values: Any) -> list[int]:
    gone = surplus(checkpoints, replace(BASE.checkpoint, **values))
    return [checkpoint.step for checkpoint in checkpoints if checkpoint not in gone]


@pytest.mark.parametrize(("last", "steps"), [(1, [50]), (2, [40, 50]), (9, [10, 20, 30, 40, 50])])
def test_the_last_are_kept(tmp_path: Path, last: int, steps: list[int]) -> None:
    checkpoints = taken(tmp_path, dict.fromkeys((10, 20, 30, 40, 50)))
    assert kept(checkpoints, keep_last=last) == steps


def test_every_so_many_steps_one_is_kept_for_good(tmp_path: Path) -> None:
    checkpoints = taken(tmp_path, dict.fromkeys((10, 20, 30, 40, 50)))
    assert kept(checkpoints, keep_last=1, keep_every_steps=20) == [20, 40, 50]


@pytest.mark.parametrize(("direction", "steps"), [("min", [30, 20]), ("max", [40, 10])])
def test_the_best_are_those_of_the_metric_in_its_direction(tmp_path: Path, direction: str, steps: list[int]) -> None:
    checkpoints = taken(tmp_path, {10: 2.0, 20: 1.0, 30: 0.5, 40: 3.0, 50: None})
    settings = {"keep_last": 1, "keep_best": 2, "direction": direction}
    assert best_steps(checkpoints, replace(BASE.checkpoint, **settings)) == steps
    assert kept(checkpoints, **settings) == [*sorted(steps), 50]


def test_of_equals_the_earlier_is_better(tmp_path: Path) -> None:
    checkpoints = taken(tmp_path, {10: 1.0, 20: 1.0, 30: 1.0})
    assert best_steps(checkpoints, replace(BASE.checkpoint, keep_best=1)) == [10]


def test_a_metric_that_is_no_number_is_never_the_best(tmp_path: Path) -> None:
    checkpoints = taken(tmp_path, {10: math.nan, 20: 2.0, 30: math.nan, 40: 1.0})
    assert best_steps(checkpoints, replace(BASE.checkpoint, keep_best=3)) == [40, 20]


def test_another_metric_than_was_measured_keeps_nothing_more(tmp_path: Path) -> None:
    checkpoints = taken(tmp_path, {10: 1.0, 20: 2.0})
    assert kept(checkpoints, keep_last=1, keep_best=2, metric="accuracy") == [20]


@pytest.mark.parametrize("damaged", [10, 20, 30])
def test_the_newest_is_kept_also_where_a_marker_can_not_be_read(tmp_path: Path, damaged: int) -> None:
    checkpoints = taken(tmp_path, {10: 0.1, 20: 0.2, 30: 0.3})
    next(found for found in checkpoints if found.step == damaged).marker_path.write_text("?")
    assert 30 in kept(checkpoints, keep_last=1, keep_best=1, keep_every_steps=1000)


def test_without_checkpoints_there_is_nothing_to_delete() -> None:
    assert surplus([], BASE.checkpoint) == []
