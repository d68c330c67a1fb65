"""The directory of a sweep."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from launcher.config.multirun import Multirun
from launcher.errors import RequestError
from launcher.runs import create_run
from launcher.sweeps.ledger import FAILED, FINISHED, Ledger
from launcher.sweeps.record import Record, create_record, find_record, held, list_records
from tests.launcher.sweeps.made import add

Make = Callable[..., Record]
Ask = Callable[..., Multirun]


def test_a_sweep_keeps_what_was_asked_for(make_sweep: Make, ask: Ask) -> None:
    assert make_sweep("trainer.seed=0,1").multirun == ask("run_id=s", "trainer.seed=0,1")


def test_a_sweep_that_goes_on_is_as_old_as_before(make_sweep: Make, ask: Ask) -> None:
    record = make_sweep("trainer.seed=0,1")
    created = record.describe()["created"]
    record.begin(ask("run_id=s", "trainer.seed=0,1,2"))
    assert (record.describe()["created"], record.state) == (created, "running")
    assert record.multirun.space.size == 3


def test_a_sweep_without_a_name_gets_one(ask: Ask) -> None:
    assert create_record(ask("trainer.seed=0,1")).id != create_record(ask("trainer.seed=0,1")).id


@pytest.mark.parametrize("name", ["latest", "sweeps"])
def test_a_name_that_means_something_else_is_refused(ask: Ask, name: str) -> None:
    with pytest.raises(RequestError, match=f"run_id={name} is .* choose another"):
        create_record(ask(f"run_id={name}"))


def test_a_name_whose_trials_would_be_taken_for_runs_that_are_there_is_refused(ask: Ask, runs_dir: Path) -> None:
    create_run("s-001")
    create_run("s-final")
    with pytest.raises(RequestError, match=r"run_id=s: s-001 is a run already.*windlass runs delete s-001"):
        create_record(ask("run_id=s"))
    assert not (runs_dir / "sweeps").exists()


def test_runs_whose_names_only_begin_alike_are_no_hindrance(ask: Ask) -> None:
    for name in ("s-final", "s-1", "s-001-again", "ss-001"):
        create_run(name)
    assert create_record(ask("run_id=s")).path.is_dir()


def test_a_disk_that_refuses_is_named(ask: Ask, runs_dir: Path) -> None:
    runs_dir.mkdir()
    (runs_dir / "sweeps").write_text("a file")
    with pytest.raises(RequestError, match=f"runs can't be written to {runs_dir}"):
        create_record(ask("run_id=s"))


def test_a_sweep_whose_process_is_gone_is_lost(make_sweep: Make) -> None:
    record = make_sweep()
    record.update(state="running")
    assert record.state == "running"
    code = "import json; from launcher.runs import this_process; print(json.dumps(this_process()))"
    gone = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    record.update(process=json.loads(gone))
    assert record.state == "lost"


def test_a_sweep_on_another_machine_is_what_it_says(make_sweep: Make) -> None:
    record = make_sweep(state="running")
    record.update(process={"pid": 1, "pid_created": 0.0, "host": "elsewhere"})
    assert record.state == "running"


def test_sweeps_are_listed_oldest_first(make_sweep: Make) -> None:
    for name in ("b", "c", "a"):
        make_sweep(run_id=name)
    assert [record.id for record in list_records()] == ["b", "c", "a"]


def test_a_sweep_is_found_by_its_name_a_unique_beginning_or_as_the_latest(make_sweep: Make) -> None:
    for name in ("grid", "grid-2", "search"):
        make_sweep(run_id=name)
    assert [find_record(name).id for name in ("grid", "sea", "latest")] == ["grid", "search", "search"]
    with pytest.raises(RequestError, match="'gri' is the beginning of 2 sweeps: grid, grid-2; type more of it"):
        find_record("gri")
    with pytest.raises(RequestError, match="no sweep is called 'halving'; the latest are grid, grid-2, search"):
        find_record("halving")


def test_without_sweeps_the_way_to_one_is_told(runs_dir: Path) -> None:
    assert list_records() == []
    with pytest.raises(RequestError, match=f"there are no sweeps in {runs_dir}; windlass train -m .* begins one"):
        find_record("latest")


def test_a_sweep_is_described_by_what_its_trials_are(make_sweep: Make) -> None:
    record = make_sweep("trainer.seed=0,1,2")
    ledger = Ledger(record.ledger_path)
    for state in (FINISHED, FAILED, FAILED):
        add(ledger, state)
    described = record.describe()
    assert described["trials"] == {"finished": 1, "failed": 2}
    assert (described["id"], described["state"], described["algorithm"]) == ("s", "finished", "grid")


@pytest.mark.parametrize("spoilt", ["", "{", "[]", "\0\0", None])
def test_a_sweep_json_that_is_gone_or_spoilt_hides_no_sweep_and_says_what_to_do(
    make_sweep: Make, spoilt: str | None
) -> None:
    make_sweep(run_id="other")
    record = make_sweep()
    add(Ledger(record.ledger_path))
    if spoilt is None:
        record.record_path.unlink()
    else:
        record.record_path.write_text(spoilt)
    assert {each.id: each.describe()["state"] for each in list_records()} == {"s": "lost", "other": "finished"}
    assert find_record("s").describe()["trials"] == {"finished": 1}
    with pytest.raises(RequestError, match=r"sweep.json is gone or spoilt; .*run_id=s, or .*windlass sweeps delete s"):
        _ = record.multirun


def test_a_sweep_whose_sweep_json_is_spoilt_is_made_anew_with_its_trials(make_sweep: Make, ask: Ask) -> None:
    record = make_sweep("trainer.seed=0,1")
    add(Ledger(record.ledger_path), trainer__seed="0")
    create_run("s-000")
    record.record_path.write_text("")
    again = create_record(ask("run_id=s", "trainer.seed=0,1"))
    assert again == record
    assert len(again.trials()) == 1


def test_a_sweep_is_held_by_one(make_sweep: Make) -> None:
    record = make_sweep()
    with (
        held(record),
        pytest.raises(RequestError, match="sweep s is running; stop it first: windlass sweeps stop s"),
        held(record),
    ):
        pass
    with held(record):
        pass
