"""Events become columns, and what a resume takes back is gone."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launcher.dashboard.reading.events import MAX_LINE_BYTES, Events, EventsFile, Restart
from launcher.runs import Run
from tests.launcher.dashboard.made import make_run


def lines(*events: dict[str, object]) -> bytes:
    return b"".join(json.dumps({"time": 1.0, **event}).encode() + b"\n" for event in events)


def values(events: Events, name: str) -> list[tuple[float, float]]:
    column = events.table.column(name)
    return list(zip(events.table.steps.view[column.rows.view].tolist(), column.values.view.tolist(), strict=True))


def test_steps_and_evaluations_are_named_as_in_wandb() -> None:
    events = Events()
    events.take(
        lines(
            {"event": "phase", "name": "training", "num_steps": 9},
            {"event": "step", "step": 1, "epoch": 0, "num_steps": 9, "tokens": 64, "loss": 2.5, "mfu": 0.3},
            {"event": "evaluation", "step": 1, "split": "validation", "metrics": {"loss": 2.0}},
        )
    )
    assert events.table.known() == ["train/loss", "train/mfu", "epoch", "validation/loss"]
    assert values(events, "validation/loss") == [(1.0, 2.0)]
    assert (events.num_steps, events.started, events.broken) == (9, 1.0, 0)


def test_null_is_nan_and_text_is_no_metric() -> None:
    events = Events()
    events.take(lines({"event": "step", "step": 1, "loss": None, "note": "x", "flag": True}))
    assert events.table.known() == ["train/loss"]
    assert math.isnan(values(events, "train/loss")[0][1])


def test_a_resume_takes_back_later_points_and_checkpoints(tmp_path: Path) -> None:
    path = make_run(tmp_path, "r", steps=60, resumed=[(37, 20), (53, 40)], checkpoints=[20, 30, 40, 60])
    file = EventsFile(path / "events.jsonl")
    file.read()
    told = [(event["step"], event["loss"]) for event in Run(path).history("step")]
    assert values(file.events, "train/loss") == told
    assert [(restart.attempt, restart.step) for restart in file.events.restarts] == [(1, 20.0), (2, 40.0)]
    assert [each["step"] for each in file.events.checkpoints] == [20, 30, 40, 60]
    assert file.events.taken_back == 2


def test_a_resume_by_hand_counts_as_an_attempt() -> None:
    events = Events()
    events.take(lines({"event": "step", "step": 5, "loss": 1.0}, {"event": "resumed", "step": 0}))
    assert events.restarts == [Restart(attempt=1, time=1.0, step=0.0)]
    assert events.table.known() == []


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"null",
        b'{"event": "step", "time": 1}',
        b'{"event": "step", "time": "x", "step": 1}',
        b'{"event": "step", "time": 1, "step": NaN}',
        b'{"event": "evaluation", "time": 1, "step": 1, "split": "v", "metrics": 3}',
        b'{"event": "checkpoint", "time": 1, "step": "?"}',
        b'{"event": "restart", "time": 1, "attempt": null}',
        b"\xff\x00",
        b"[" * 100_000,
    ],
)
def test_a_damaged_line_spoils_no_other(line: bytes) -> None:
    events = Events()
    good = lines({"event": "step", "step": 1, "loss": 1.0})
    events.take(good + line + b"\n" + good)
    assert [step for step, _ in values(events, "train/loss")] == [1.0, 1.0]
    assert events.broken == 1


@settings(deadline=None, max_examples=25)
@given(cuts=st.lists(st.integers(0, 20_000), max_size=8))
def test_a_file_that_grows_in_arbitrary_cuts_gives_the_same(
    cuts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = make_run(tmp_path_factory.mktemp("grow"), "r", steps=50, resumed=[(30, 15)], wandb=False)
    content = (run / "events.jsonl").read_bytes()
    whole, path = Events(), run / "other.jsonl"
    whole.take(content)
    growing = EventsFile(path)
    for end in sorted([*(cut % (len(content) + 1) for cut in cuts), len(content)]):
        path.write_bytes(content[:end])
        growing.read()
    assert growing.events.table.known() == whole.table.known()
    assert all(values(growing.events, name) == values(whole, name) for name in whole.table.known())
    assert growing.events.restarts == whole.restarts
    assert growing.problems == []


def test_a_line_without_end_is_skipped_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with path.open("wb") as file:
        file.truncate(5 * MAX_LINE_BYTES)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + lines({"event": "step", "step": 1, "loss": 1.0}))
    read = EventsFile(path)
    read.read()
    assert values(read.events, "train/loss") == [(1.0, 1.0)]
    assert read.events.broken > 1


@pytest.mark.parametrize("is_link", [True, False])
def test_a_link_or_a_pipe_is_no_file_of_events(tmp_path: Path, is_link: bool) -> None:
    path = tmp_path / "events.jsonl"
    if is_link:
        (tmp_path / "elsewhere").write_bytes(lines({"event": "step", "step": 1, "loss": 1.0}))
        path.symlink_to(tmp_path / "elsewhere")
    else:
        os.mkfifo(path)
    read = EventsFile(path)
    assert not read.read()
