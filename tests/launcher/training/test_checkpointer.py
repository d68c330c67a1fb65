"""Checkpoints of one process, on disks that are full and slow."""

from __future__ import annotations

import errno
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from launcher.checkpoints import storage
from launcher.checkpoints.marker import published
from launcher.training import checkpointer as module
from launcher.training.checkpointer import Checkpointer
from tests.launcher.parallel.configs import BASE
from tests.launcher.parallel.spreads import spread

# torch says so of each process that saves alone.
pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled")


class Scene(NamedTuple):
    checkpointer: Checkpointer
    weight: torch.Tensor
    reports: list[dict[str, Any]]
    directory: Path

    def save(self, step: int, **options: Any) -> None:
        self.checkpointer.save(step, {"metrics": {}, "step": step}, **options)

    def saved(self, step: int) -> torch.Tensor:
        [found] = [checkpoint for checkpoint in published(self.directory) if checkpoint.step == step]
        return load_file(found.path / "shard-00000.safetensors")["model/weight"]

    @property
    def steps(self) -> list[int]:
        return [checkpoint.step for checkpoint in published(self.directory)]


def scene(directory: Path, **values: Any) -> Scene:
    layer, reports = nn.Linear(4, 4), []

    def report(event: str, **more: Any) -> None:
        reports.append({"event": event, **more})

    optimizer = torch.optim.AdamW(layer.parameters())
    config = replace(BASE.checkpoint, **{"async_": True, **values})
    made = Checkpointer(directory / "checkpoints", config, spread(layer), optimizer, control=None, report=report)
    return Scene(made, layer.weight.data, reports, directory / "checkpoints")


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A disk that takes nothing until the event is set."""
    released, publish = threading.Event(), storage.publish

    def waiting(*args: Any, **options: Any) -> Any:
        assert released.wait(30)
        return publish(*args, **options)

    monkeypatch.setattr(storage, "publish", waiting)
    yield released
    released.set()


def test_a_checkpoint_is_what_the_model_was_and_not_what_it_became(tmp_path: Path, slow_disk: threading.Event) -> None:
    made = scene(tmp_path)
    before = made.weight.clone()
    made.save(3)
    made.weight.fill_(9.0)  # training goes on while the disk is slow
    assert made.checkpointer.busy
    assert made.steps == []
    slow_disk.set()
    made.checkpointer.finish()
    assert not made.checkpointer.busy
    assert torch.equal(made.saved(3), before)


def test_the_next_checkpoint_waits_for_the_one_before(tmp_path: Path, slow_disk: threading.Event) -> None:
    made = scene(tmp_path)
    made.weight.fill_(1.0)
    made.save(1)
    made.weight.fill_(2.0)
    threading.Timer(0.2, slow_disk.set).start()
    made.save(2, wait=True)
    assert torch.equal(made.saved(1), torch.full((4, 4), 1.0))
    assert torch.equal(made.saved(2), torch.full((4, 4), 2.0))


def test_without_async_the_caller_waits(tmp_path: Path) -> None:
    made = scene(tmp_path, async_=False)
    made.save(3)
    assert made.steps == [3]


def test_a_checkpoint_is_reported_with_its_size_and_the_policy_is_kept(tmp_path: Path) -> None:
    made = scene(tmp_path, keep_last=2)
    for step in (1, 2, 3, 4):
        made.save(step, wait=True)
    assert made.steps == [3, 4]
    assert [(report["event"], report["step"]) for report in made.reports] == [("checkpoint", n) for n in (1, 2, 3, 4)]
    assert made.reports[-1]["bytes"] == published(made.directory)[-1].num_bytes()


def test_a_disk_without_room_is_a_warning_and_costs_no_checkpoint_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = scene(tmp_path, keep_last=1, every_minutes=0.0001)
    made.save(1, wait=True)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: usage._replace(free=1000))
    made.save(2, wait=True)
    assert made.steps == [1]
    assert made.reports[-1]["event"] == "warning"
    assert "the checkpoint at step 2 needs" in made.reports[-1]["message"]
    assert not made.checkpointer.is_due  # but a minute later


def test_a_write_that_fails_is_a_warning_and_leaves_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = scene(tmp_path, keep_last=1)
    made.save(1, wait=True)

    def fail(*args: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(storage, "stream_tensors", fail)
        made.save(2, wait=True)
    assert "the checkpoint at step 2 could not be written" in made.reports[-1]["message"]
    assert "No space left on device" in made.reports[-1]["message"]
    assert [path.name for path in made.directory.iterdir()] == ["step_00000001"]
    made.save(3, wait=True)
    assert made.steps == [3]


def test_a_mistake_of_our_own_is_no_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = scene(tmp_path)

    def fail(*args: Any, **options: Any) -> None:
        raise KeyError("mistake")

    monkeypatch.setattr(storage, "stream_tensors", fail)
    with pytest.raises(KeyError, match="mistake"):
        made.save(2, wait=True)


def test_a_checkpoint_is_due_by_the_clock_and_then_not_at_once_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    made = scene(tmp_path, every_minutes=2.0)
    due = []
    for seconds in (0.0, 119.0, 1.0):
        now[0] += seconds
        due.append(made.checkpointer.is_due)
    made.save(1, wait=True)
    due.append(made.checkpointer.is_due)
    now[0] += 120.0
    due.append(made.checkpointer.is_due)
    assert due == [False, False, True, False, True]


def test_without_minutes_the_clock_asks_for_nothing(tmp_path: Path) -> None:
    assert not scene(tmp_path, every_minutes=None).checkpointer.is_due
