"""A run of several files is one history, and says when points were taken back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launcher.dashboard.places import WANDB, WINDLASS, Place, make_key
from launcher.dashboard.reading.opened import OpenRun
from tests.launcher.dashboard.made import STARTED, make_run, write_wandb


def ours(path: Path) -> Place:
    files = tuple(sorted(path.glob("wandb/offline-run-*/*.wandb")))
    key = make_key(path, path.name)
    return Place(key=key, id=path.name, kind=WINDLASS, root=path.parent, path=path, files=files)


def foreign(path: Path, *files: Path) -> Place:
    return Place(key=make_key(path, "made"), id="made", kind=WANDB, root=path, path=path, files=files)


def opened(place: Place) -> OpenRun:
    run = OpenRun(place)
    assert run.read()
    assert not run.read()
    return run


def attempt(path: Path, number: int, steps: list[int], **more: object) -> Path:
    """An attempt whose loss says which it is: 1000 times its number, and the step."""
    rows = [
        {"_step": step, "_timestamp": STARTED + 1000 * number + step, "loss": 1000 * number + step} for step in steps
    ]
    return write_wandb(path, rows=rows, started=STARTED + 1000 * number, **more)


def test_an_attempt_with_explicit_steps_takes_back_later_points(tmp_path: Path) -> None:
    files = [attempt(tmp_path, 0, [0, 1, 2, 3, 4, 5]), attempt(tmp_path, 1, [3, 4, 5, 6])]
    run = opened(foreign(tmp_path, *files))
    series = run.series("loss")
    assert series.steps.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert series.values.tolist() == [0, 1, 2, 1003, 1004, 1005, 1006]
    assert [(each.attempt, each.step, each.time) for each in run.restarts] == [(1, 3.0, STARTED + 1003)]


def test_an_attempt_that_begins_at_zero_goes_on_behind(tmp_path: Path) -> None:
    files = [attempt(tmp_path, number, [0, 1, 2]) for number in range(3)]
    run = opened(foreign(tmp_path, *files))
    assert run.series("loss").steps.tolist() == list(range(9))
    assert [each.step for each in run.restarts] == [3.0, 6.0]


def test_a_new_attempt_changes_the_generation_only_if_it_takes_back_points(tmp_path: Path) -> None:
    first, behind = attempt(tmp_path, 0, [0, 1, 2, 3]), attempt(tmp_path, 1, [4, 5])
    run = opened(foreign(tmp_path, first))
    run.update(foreign(tmp_path, first, behind))
    assert run.read()
    assert (run.generation, len(run.series("loss").steps)) == (0, 6)
    again = attempt(tmp_path, 2, [2, 3])
    run.update(foreign(tmp_path, first, behind, again))
    assert run.read()
    assert (run.generation, run.series("loss").values.tolist()) == (1, [0, 1, 2002, 2003])


@settings(deadline=None, max_examples=30)
@given(starts=st.lists(st.integers(0, 8), min_size=1, max_size=4), lengths=st.lists(st.integers(0, 6), min_size=4))
def test_stitched_steps_always_grow_and_the_last_word_counts(
    starts: list[int], lengths: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("attempts")
    files = [
        attempt(path, number, list(range(start, start + length)))
        for number, (start, length) in enumerate(zip(starts, lengths, strict=False))
    ]
    run = opened(foreign(path, *files))
    if "loss" in run.names():
        series = run.series("loss")
        assert (np.diff(series.steps) > 0).all()
        number = max(place for place, length in enumerate(lengths[: len(files)]) if length)
        assert (series.values >= 1000 * number).sum() == lengths[number]


def test_points_of_a_run_only_grow_while_the_generation_stays(tmp_path: Path) -> None:
    path = make_run(tmp_path, "r", steps=60, resumed=[(37, 20)], state="running")
    whole = (path / "events.jsonl").read_bytes()
    run, before, generations = OpenRun(ours(path)), [], []
    for end in range(0, len(whole), 97):
        (path / "events.jsonl").write_bytes(whole[:end])
        run.read()
        if "train/loss" not in run.names():
            continue
        steps = run.series("train/loss").steps.tolist()
        if generations and run.generation == generations[-1]:
            assert steps[: len(before)] == before
        before = steps
        generations.append(run.generation)
    assert sorted(set(generations)) == [0, 1]


def test_a_windlass_run_takes_metrics_from_events_and_system_metrics_from_wandb(tmp_path: Path) -> None:
    path = make_run(tmp_path, "r", steps=40, sequence_length=8, warnings=["careful"], checkpoints=[40])
    write_wandb(path / "wandb", run_id="r", rows=5, stats=2, started=STARTED + 20)
    run = opened(ours(path))
    assert "loss" not in run.names()
    series, system = run.series("train/loss"), run.series("system/cpu")
    assert series.steps.tolist() == [1, 10, 20, 30, 40]
    assert series.tokens.tolist() == [256 * step for step in series.steps]
    assert system.times.tolist() == [STARTED + 5 * index for index in (0, 1, 2, 3, 4, 5)]
    assert system.steps.tolist() == [0, 1, 10, 10, 20, 20]
    assert run.config["optimizer"]["lr"] == 0.003
    assert run.summary["validation/loss"] == 0.33
    assert run.info.command == ["windlass", "train", "model=mlp", "dataset=digits"]
    assert (run.warnings, run.checkpoints[0]["step"], run.exit_code) == (
        [{"time": STARTED, "message": "careful"}],
        40,
        0,
    )
    assert (run.problems, run.console) == ([], [])
    assert run.nbytes > 0


def test_a_sign_of_life_alone_is_no_change(tmp_path: Path) -> None:
    path = make_run(tmp_path, "r", state="running")
    run = opened(ours(path))
    job = json.loads((path / "job.json").read_text())
    (path / "job.json").write_text(json.dumps(job | {"heartbeat": job["heartbeat"] + 1}))
    assert not run.read()
    (path / "job.json").write_text(json.dumps(job | {"state": "finished", "exit_code": 0}))
    assert run.read()


def test_a_wandb_run_says_what_it_was_told(tmp_path: Path) -> None:
    config = {f"key{index}": index for index in range(10_000)}
    file = write_wandb(tmp_path, config=config, console=["\x1b[31mred"], exit_code=3, tags=["t"], stats=2)
    run = opened(foreign(tmp_path, file))
    assert run.config == config
    assert [text for _, text in run.console] == ["\x1b[31mred"]
    assert (run.exit_code, run.info.tags) == (3, ["t"])
    assert run.summary == {name: float(run.series(name).values[-1]) for name in ("loss", "accuracy")}
    assert set(run.names()) >= {"loss", "accuracy", "system/cpu"}
    with pytest.raises(KeyError):
        run.series("no such")


def test_of_several_attempts_the_last_one_says_how_it_ended(tmp_path: Path) -> None:
    files = [attempt(tmp_path, 0, [0, 1], exit_code=1), attempt(tmp_path, 1, [2], exit_code=None, config={"lr": 2})]
    run = opened(foreign(tmp_path, *files))
    assert (run.exit_code, run.config) == (None, {"lr": 2})


def test_a_run_that_is_deleted_while_it_is_open_stays_as_it_was(tmp_path: Path) -> None:
    path = make_run(tmp_path, "r")
    run = opened(ours(path))
    shutil.rmtree(path)
    assert not run.read()
    assert len(run.series("train/loss").steps) == 5


@pytest.mark.parametrize("name", ["job.json", "config.yaml", "summary.json", "events.jsonl"])
@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"[" * 5000, b"{a: &x [*x, !!python/object:os.system {}]}", b"3"]
)
def test_a_run_directory_of_anybody_is_read(tmp_path: Path, name: str, content: bytes) -> None:
    path = make_run(tmp_path, "r", wandb=False)
    (path / name).write_bytes(content)
    run = OpenRun(ours(path))
    run.read()
    assert isinstance(run.config, dict)
    assert isinstance(run.summary, dict)
    assert run.info.name == "r"
