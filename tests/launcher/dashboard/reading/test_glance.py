"""A look at a run says what the table shows, at the same price however long the run is."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from typing import Any

import pytest

from launcher.dashboard.index.rows import decode, encode
from launcher.dashboard.places import Place
from launcher.dashboard.reading.glance import STATES, SWEEPS, extremes, glance
from launcher.sweeps.record import FOLDER
from tests.launcher.dashboard.made import STARTED, make_run, make_sweep, write_wandb
from tests.launcher.dashboard.reading.test_opened import foreign, opened, ours


@pytest.mark.parametrize("state", STATES)
def test_a_windlass_run_has_the_state_that_it_has_elsewhere(tmp_path: Path, state: str) -> None:
    seen = glance(ours(make_run(tmp_path, "r", steps=40, num_steps=50, state=state)))
    assert (seen.state, seen.step, seen.num_steps, seen.attempt) == (state, 40, 50, 0)
    assert (seen.seconds_left is not None) == (state in ("starting", "running"))
    assert seen.failure == ("error: ValueError: the loss exploded" if state == "failed" else None)
    assert seen.config["optimizer.lr"] == 0.003
    assert seen.problems == []


def test_the_tail_of_long_events_is_enough(tmp_path: Path) -> None:
    path = make_run(tmp_path, "r", steps=5000, every=1, resumed=[(4000, 3990)], wandb=False)
    seen = glance(ours(path))
    assert (seen.step, seen.num_steps, seen.started) == (5000, 5000, STARTED - 2)
    assert seen.last["validation/loss"] == 0.33
    assert seen.last["train/loss"] == opened(ours(path)).summary["train/loss"]


def test_a_trial_knows_its_sweep(tmp_path: Path) -> None:
    make_sweep(tmp_path, "s", trials=2)
    make_run(tmp_path, "other-001")
    assert SWEEPS == FOLDER
    seen = glance(ours(tmp_path / "s-001"))
    assert (seen.sweep, seen.trial) == ("s", 1)
    assert glance(ours(tmp_path / "other-001")).sweep is None


def test_a_long_wandb_run_is_seen_by_its_ends(tmp_path: Path) -> None:
    file = write_wandb(tmp_path, rows=2000, config={"lr": 0.1, "o": {"b": [1, 2]}}, group="g", tags=["t"], host="h")
    seen = glance(foreign(tmp_path, file))
    assert (seen.state, seen.name, seen.step, seen.group, seen.tags, seen.host) == (
        *("finished", "made", 1999, "g"),
        *(["t"], "h"),
    )
    assert (seen.started, seen.ended) == (STARTED, STARTED + 1999)
    assert seen.config == {"lr": 0.1, "o.b": "[1, 2]"}
    assert seen.last == opened(foreign(tmp_path, file)).summary


def test_a_config_of_ten_thousand_keys_is_found_and_cut(tmp_path: Path) -> None:
    config = {f"key{index}": "x" * 50 for index in range(10_000)}
    seen = glance(foreign(tmp_path, write_wandb(tmp_path, config=config, name="big")))
    assert (seen.name, len(seen.config)) == ("big", 2000)


@pytest.mark.parametrize(
    ("exit_code", "age_s", "state"), [(0, 0, "finished"), (3, 0, "failed"), (None, 0, "running"), (None, 400, "lost")]
)
def test_a_wandb_run_ends_by_its_exit_or_by_silence(
    tmp_path: Path, exit_code: int | None, age_s: float, state: str
) -> None:
    file = write_wandb(tmp_path, exit_code=exit_code)
    os.utime(file, (time.time() - age_s,) * 2)
    assert glance(foreign(tmp_path, file)).state == state


def test_a_run_of_several_attempts_began_with_the_first(tmp_path: Path) -> None:
    files = [write_wandb(tmp_path, rows=5, started=STARTED + later) for later in (0, 3600)]
    seen = glance(foreign(tmp_path, *files))
    assert (seen.started, seen.ended, seen.attempt) == (STARTED, STARTED + 3604, 1)


@pytest.mark.parametrize("first_step", [0, 3])
def test_the_step_of_a_run_of_several_attempts_is_that_of_its_charts(tmp_path: Path, first_step: int) -> None:
    first = write_wandb(tmp_path, rows=1000)
    second = write_wandb(tmp_path, rows=1000, first_step=first_step, started=STARTED + 3600)
    place = foreign(tmp_path, first, second)
    assert glance(place).step == opened(place).series("loss").steps[-1]


def test_a_file_that_is_damaged_from_its_head_on_is_still_seen_by_its_tail(tmp_path: Path) -> None:
    file = write_wandb(tmp_path, rows=2000)
    content = file.read_bytes()
    file.write_bytes(content[:7] + b"\0\0\0\0\xff\xff\x01" + content[14:])
    seen = glance(foreign(tmp_path, file))
    assert (seen.step, seen.problems) == (1999, [])


def test_a_foreign_file_is_told(tmp_path: Path) -> None:
    file = write_wandb(tmp_path, version=3)
    seen = glance(foreign(tmp_path, file))
    assert seen.problems == ["run-made.wandb: version 3 is unknown, only 0 can be read"]
    assert seen.state == "lost"
    file.unlink()
    assert glance(foreign(tmp_path, file)).problems == ["run-made.wandb: it can't be read: No such file or directory"]


def test_a_run_that_is_gone_is_lost(tmp_path: Path) -> None:
    place: Place = ours(tmp_path / "gone")
    seen = glance(place)
    assert (seen.state, seen.name, seen.step) == ("lost", "gone", None)


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b'{"state": "running", "pid": "x"}', b"[" * 5000, b'{"created": "?"}']
)
def test_a_job_of_anybody_is_no_error(tmp_path: Path, content: bytes) -> None:
    path = make_run(tmp_path, "r")
    (path / "job.json").write_bytes(content)
    assert glance(ours(path)).name == "r"


def test_extremes_are_of_finite_values(tmp_path: Path) -> None:
    rows = [{"loss": value, "bad": float("nan")} for value in (2.0, float("nan"), -1.0, float("inf"), 3.0)]
    assert extremes(opened(foreign(tmp_path, write_wandb(tmp_path, rows=rows)))) == {"loss": (-1.0, 3.0)}


HUGE = 10**400


@pytest.mark.parametrize(
    "job",
    [
        {"created": "x", "ended": HUGE, "heartbeat": [1]},
        {"created": HUGE, "state": "running", "host": "elsewhere", "heartbeat": "x"},
        {"created": [1], "state": ["running"], "host": {"a": 1}},
        {"state": "\ud800", "model": {"a": 1}, "dataset": 5, "device": [1], "attempt": "x", "num_processes": HUGE},
    ],
)
def test_a_job_that_no_run_wrote_has_values_of_the_kinds_that_all_have(tmp_path: Path, job: dict[str, Any]) -> None:
    path = make_run(tmp_path, "r", wandb=False)
    update(path / "job.json", **job)
    seen = glance(ours(path))
    assert seen.state in STATES
    row, _ = decode("k", 1, body=encode(ours(path), seen), extremes=None)
    for name in ("started", "ended", "device_hours", "attempt", "num_processes"):
        value = getattr(row.glance, name)
        assert value is None or math.isfinite(value)
    for name in ("model", "dataset", "device", "host"):
        assert isinstance(getattr(row.glance, name), str | None)


def test_numbers_that_no_float_can_hold_are_text(tmp_path: Path) -> None:
    path = make_run(tmp_path, "r", wandb=False, config={"huge": HUGE, "longer": 1})
    text = (path / "config.yaml").read_text().replace("longer: 1", "longer: 0x" + "f" * 20_000)
    (path / "config.yaml").write_text(text)
    update(path / "summary.json", metrics={"huge": HUGE, "infinite": math.inf})
    seen = glance(ours(path))
    assert all(isinstance(seen.config[key], str) for key in ("huge", "longer"))
    assert seen.last["infinite"] == math.inf
    assert "huge" not in seen.last
    assert encode(ours(path), seen)


def test_a_link_or_a_pipe_in_the_place_of_a_file_is_passed_over(tmp_path: Path) -> None:
    path = make_run(tmp_path / "runs", "r", wandb=False, state="failed")
    (tmp_path / "elsewhere").write_text('{"event": "step", "time": 1, "step": 7}\n')
    for name in ("events.jsonl", "failure.json"):
        (path / name).unlink()
    (path / "events.jsonl").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(path / "failure.json")
    seen = glance(ours(path))
    assert (seen.step, seen.failure) == (None, None)


def update(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
