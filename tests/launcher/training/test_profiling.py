"""Traces of a few steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from launcher.training.profiling import Profiler


def record(path: Path | None, *, steps: int) -> None:
    profiler = Profiler(path)
    for _ in range(steps):
        torch.ones(4).sum()
        profiler.step()
    profiler.close()


def steps_in(path: Path) -> list[int]:
    """Numbers of the steps that a trace shows, from 1."""
    events = json.loads(path.read_text())["traceEvents"]
    marks = {event["name"] for event in events if event["name"].startswith("ProfilerStep#")}
    return sorted(int(mark.removeprefix("ProfilerStep#")) + 1 for mark in marks)


@pytest.mark.parametrize(("steps", "recorded"), [(12, [5, 6, 7, 8, 9]), (9, [5, 6, 7, 8, 9])])
def test_steps_five_to_nine_are_recorded(steps: int, recorded: list[int], tmp_path: Path) -> None:
    record(tmp_path / "profile.json", steps=steps)
    assert steps_in(tmp_path / "profile.json") == recorded


def test_a_run_that_ends_earlier_records_what_there_was(tmp_path: Path) -> None:
    record(tmp_path / "profile.json", steps=6)
    assert {5, 6} <= set(steps_in(tmp_path / "profile.json"))


def test_a_trace_names_the_operations_of_the_steps(tmp_path: Path) -> None:
    record(tmp_path / "profile.json", steps=9)
    assert "aten::sum" in (tmp_path / "profile.json").read_text()


def test_without_a_path_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    record(None, steps=12)
    assert list(tmp_path.iterdir()) == []
