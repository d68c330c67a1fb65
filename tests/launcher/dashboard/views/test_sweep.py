"""Pages of sweeps."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from launcher.dashboard.places import make_key
from launcher.dashboard.views.sweep import Sweeps
from tests.launcher.dashboard.made import STARTED, make_sweep
from tests.launcher.dashboard.views.looked_at import Listed

LOSS, COST = "validation/loss", "validation/cost"


def sweeps_of(root: Path) -> Sweeps:
    return Sweeps(Listed(root))  # type: ignore[arg-type]


def view(root: Path, sweep_id: str = "s") -> dict[str, Any]:
    found = sweeps_of(root).view(make_key(root / "sweeps" / sweep_id, sweep_id))
    assert found is not None
    json.dumps(found, allow_nan=False)
    return found


def trial(lr: float, loss: float | None = None, **more: Any) -> dict[str, Any]:
    values = {} if loss is None else {LOSS: loss}
    return {"overrides": {"optimizer.lr": repr(lr)}, "values": values, **more}


def test_a_sweep_has_its_trials_with_values_as_numbers(tmp_path: Path) -> None:
    make_sweep(tmp_path, "s", trials=[trial(1e-3, 0.5), trial(1e-2, 0.25, slot=["1"])], runs=False)
    found = view(tmp_path)
    assert (found["id"], found["state"], found["algorithm"]) == ("s", "finished", "tpe")
    assert found["objectives"] == {LOSS: "min"}
    assert found["parameters"] == [{"name": "optimizer.lr", "kind": "log", "choices": []}]
    second = found["trials"][1]
    assert (second["number"], second["run"], second["state"], second["slot"]) == (1, "s-001", "finished", ["1"])
    assert (second["parameters"], second["values"]) == ({"optimizer.lr": 0.01}, {LOSS: 0.25})
    assert second["ended"] - second["begun"] == second["device_seconds"] == 25.0
    assert (found["best"], found["front"], found["problems"]) == ([1], [], [])


def test_a_trial_is_linked_to_its_run_where_there_is_one(tmp_path: Path) -> None:
    make_sweep(tmp_path, "s", trials=2)
    shutil.rmtree(tmp_path / "s-001")
    keys = [each["key"] for each in view(tmp_path)["trials"]]
    assert keys == [make_key(tmp_path / "s-000", "s-000"), None]


def test_a_trial_that_has_not_finished_shows_its_last_evaluation(tmp_path: Path) -> None:
    reports = [(10, {LOSS: 3.0}), (20, {LOSS: 2.0})]
    make_sweep(tmp_path, "s", trials=[trial(1e-3, state="pruned", reports=reports, reason="worse")], runs=False)
    (found,) = view(tmp_path)["trials"]
    assert (found["values"], found["reports"], found["reason"]) == ({LOSS: 2.0}, 2, "worse")


def test_the_best_so_far_gets_better_by_the_time_at_which_trials_end(tmp_path: Path) -> None:
    ends = [(0.5, 300.0), (0.7, 100.0), (None, 150.0), (0.6, 200.0)]
    trials = [trial(1e-3, loss, begun=STARTED + 1, ended=STARTED + end) for loss, end in ends]
    make_sweep(tmp_path, "s", trials=trials, runs=False)
    assert view(tmp_path)["best_so_far"] == [
        [1, STARTED + 100, 0.7],
        [3, STARTED + 200, 0.6],
        [0, STARTED + 300, 0.5],
    ]


def test_the_best_so_far_of_a_score_is_its_largest(tmp_path: Path) -> None:
    settings = {"metric": ["validation/accuracy"], "direction": ["max"]}
    trials = [trial(1e-3) | {"values": {"validation/accuracy": value}} for value in (0.5, 0.9, 0.7)]
    make_sweep(tmp_path, "s", trials=trials, settings=settings, runs=False)
    assert [value for _, _, value in view(tmp_path)["best_so_far"]] == [0.5, 0.9, 0.9]


def test_several_objectives_have_a_front(tmp_path: Path) -> None:
    settings = {"metric": [LOSS, COST], "direction": ["min", "min"]}
    pairs = [(1.0, 3.0), (2.0, 2.0), (3.0, 3.0), (3.0, 1.0)]
    trials = [trial(1e-3) | {"values": {LOSS: loss, COST: cost}} for loss, cost in pairs]
    make_sweep(tmp_path, "s", trials=trials, settings=settings, runs=False)
    found = view(tmp_path)
    assert (found["front"], found["best"]) == ([0, 1, 3], [])


def test_each_stay_on_a_device_is_seen(tmp_path: Path) -> None:
    path = make_sweep(tmp_path, "s", trials=[trial(1e-3, state="paused", slot=["0", "1"])], runs=False)
    lines = [
        {"event": "started", "trial": 0, "slot": ["1"], "time": STARTED + 100},
        {
            "event": "ended",
            "trial": 0,
            "state": "finished",
            "values": {LOSS: 1.0},
            "device_seconds": 5.0,
            "reason": None,
            "time": STARTED + 105,
        },
    ]
    with (path / "ledger.jsonl").open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    slots = [
        (each["slot"], each["begun"] - STARTED, each["ended"] - STARTED, each["state"])
        for each in view(tmp_path)["slots"]
    ]
    assert slots == [("0", 1, 26, "paused"), ("1", 1, 26, "paused"), ("1", 100, 105, "finished")]


def test_a_trial_of_a_running_sweep_has_no_end_yet(tmp_path: Path) -> None:
    make_sweep(tmp_path, "s", trials=[trial(1e-3, state="running")], state="running", runs=False)
    found = view(tmp_path)
    assert [(each["ended"], each["state"]) for each in found["slots"]] == [(None, "running")]
    assert (found["trials"][0]["state"], found["trials"][0]["ended"]) == ("running", None)


def test_a_trial_of_a_sweep_that_was_killed_is_lost(tmp_path: Path) -> None:
    make_sweep(
        tmp_path,
        "s",
        trials=[trial(1e-3, 0.5, ended=STARTED + 50), trial(1e-2, state="running")],
        state="stopped",
        runs=False,
    )
    found = view(tmp_path)
    assert [each["state"] for each in found["trials"]] == ["finished", "lost"]
    assert (found["slots"][1]["ended"], found["slots"][1]["state"]) == (STARTED + 50, "lost")


def test_a_stay_that_a_resume_followed_ends_where_that_begins(tmp_path: Path) -> None:
    path = make_sweep(tmp_path, "s", trials=[trial(1e-3, state="running")], state="running", runs=False)
    with (path / "ledger.jsonl").open("a") as file:
        file.write(json.dumps({"event": "started", "trial": 0, "slot": ["0"], "time": STARTED + 60}) + "\n")
    assert [(each["ended"], each["state"]) for each in view(tmp_path)["slots"]] == [
        (STARTED + 60, "lost"),
        (None, "running"),
    ]


def test_what_it_cost_is_told(tmp_path: Path) -> None:
    states = ["finished", "failed", "pruned"]
    make_sweep(
        tmp_path,
        "s",
        trials=[
            trial(1e-3, 1.0, state=state, begun=STARTED + 1, ended=STARTED + 1 + 3600 / (place + 1))
            for place, state in enumerate(states)
        ],
        runs=False,
    )
    hours = view(tmp_path)["hours"]
    assert hours == {
        "spent": pytest.approx(1 + 1 / 2 + 1 / 3),
        "lost": pytest.approx(1 / 2),
        "saved": pytest.approx(2 / 3),
    }


def test_a_damaged_ledger_is_told_and_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    path = make_sweep(tmp_path, "s", trials=3, runs=False) / "ledger.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:2], "{damaged\n", *lines[2:]]))
    found = view(tmp_path)
    assert len(found["trials"]) == 2
    assert "line 3 is damaged" in found["problems"][0]
    assert "line 3" in sweeps_of(tmp_path).listing()[0]["problems"][0]


@pytest.mark.parametrize(
    "content", ["", "{{{", "[]", '{"multirun": 3}', '{"multirun": {"settings": {}}, "created": 1}']
)
def test_a_spoilt_record_is_told_and_its_trials_are_shown(tmp_path: Path, content: str) -> None:
    path = make_sweep(tmp_path, "s", trials=3, runs=False)
    (path / "sweep.json").write_text(content)
    found = view(tmp_path)
    assert len(found["trials"]) == 3
    assert [each["name"] for each in found["parameters"]] == ["optimizer.lr"]
    assert (found["algorithm"], found["objectives"], found["best"]) == (None, {}, [])
    assert len(found["problems"]) == 1
    assert sweeps_of(tmp_path).listing()[0]["problems"] == found["problems"]


def test_a_sweep_that_has_just_begun_is_shown(tmp_path: Path) -> None:
    path = make_sweep(tmp_path, "s", trials=0, state="running", runs=False)
    (path / "ledger.jsonl").unlink()
    found = view(tmp_path)
    assert (found["trials"], found["slots"], found["best"], found["importance"]) == ([], [], [], {})


def test_sweeps_are_listed_the_newest_first(tmp_path: Path) -> None:
    make_sweep(tmp_path, "old", trials=[trial(1e-3, 0.5), trial(1e-3, state="failed")], started=STARTED, runs=False)
    make_sweep(tmp_path, "new", trials=0, started=STARTED + 10, runs=False)
    new, old = sweeps_of(tmp_path).listing()
    assert (new["id"], new["best"], new["trials"]) == ("new", None, {})
    assert (old["id"], old["best"], old["trials"]) == ("old", [0.5], {"finished": 1, "failed": 1})
    assert old["key"] == make_key(tmp_path / "sweeps" / "old", "old")


def test_the_version_differs_after_each_change(tmp_path: Path) -> None:
    path = make_sweep(tmp_path, "s", trials=1, runs=False)
    sweeps, key = sweeps_of(tmp_path), make_key(path, "s")
    before = sweeps.version(key)
    assert before == sweeps.version(key)
    with (path / "ledger.jsonl").open("a") as file:
        file.write(json.dumps({"event": "again", "trial": 0, "time": STARTED}) + "\n")
    assert sweeps.version(key) != before


def test_a_sweep_that_was_deleted_is_gone(tmp_path: Path) -> None:
    path = make_sweep(tmp_path, "s", trials=1, runs=False)
    shutil.rmtree(path)
    sweeps, key = sweeps_of(tmp_path), make_key(path, "s")
    assert (sweeps.view(key), sweeps.version(key), sweeps.listing()) == (None, None, [])


@pytest.mark.parametrize(
    "record",
    [
        '{"created": "x"}',
        '{"created": 1e999, "state": {"a": 1}}',
        '{"state": "running", "process": [1]}',
        '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
    ],
)
def test_a_sweep_that_nobody_wrote_hides_no_other(tmp_path: Path, record: str) -> None:
    make_sweep(tmp_path, "good", trials=1, runs=False)
    path = make_sweep(tmp_path, "bad", trials=1, runs=False)
    (path / "sweep.json").write_text(record)
    assert {each["id"] for each in sweeps_of(tmp_path).listing()} == {"good", "bad"}
    assert view(tmp_path, "bad")["problems"]
    assert sweeps_of(tmp_path).version(make_key(path, "bad")) is not None
