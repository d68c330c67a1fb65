"""`windlass sweeps`, on sweeps made by hand and a process that really runs."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from launcher.cli import run_command
from launcher.runs import create_run, list_runs, this_process
from launcher.sweeps.ledger import FAILED, PRUNED, Ledger
from launcher.sweeps.record import Record, list_records
from tests.launcher.sweeps.harness import ROOT, wait_until
from tests.launcher.sweeps.made import LOSS, add

Make = Callable[..., Record]
Captured = pytest.CaptureFixture[str]
SPACE = ("optimizer.lr=0.1,0.2", "trainer.seed=0,1")

# A command that holds a sweep, and ends it when it is told to.
HOLDER = """
import signal, sys, time
from pathlib import Path
from launcher.runs import this_process
from launcher.sweeps.record import Record

record = Record(Path(sys.argv[1]))
def end(signum, frame):
    record.update(state="stopped")
    sys.exit(128 + signum)
signal.signal(signal.SIGINT, end)
record.update(state="running", process=this_process())
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that wraps nothing."""
    monkeypatch.setenv("COLUMNS", "300")


@pytest.fixture
def sweep(make_sweep: Make) -> Record:
    """A grid of four: the second is best, one failed, one was pruned."""
    record = make_sweep(*SPACE)
    ledger = Ledger(record.ledger_path)
    add(ledger, losses=(0.9, 0.5), loss=0.5, optimizer__lr="0.1", trainer__seed="0", seconds=1800.0)
    add(ledger, losses=(0.8, 0.25), loss=0.25, optimizer__lr="0.1", trainer__seed="1", seconds=1800.0)
    add(ledger, FAILED, reason="user code: ValueError: no, [not] this", optimizer__lr="0.2", trainer__seed="0")
    add(ledger, PRUNED, losses=(0.75,), optimizer__lr="0.2", trainer__seed="1")
    for trial in ledger.trials:
        create_run(record.run(trial).id).update_job(state=trial.state)
    return record


def said(capsys: Captured, *argv: str, code: int = 0) -> str:
    """What a command prints, on stderr where it refuses."""
    assert run_command(["sweeps", *argv]) == code
    captured = capsys.readouterr()
    assert (captured.err if code == 0 else captured.out) == ""
    return captured.out if code == 0 else captured.err


def strict(text: str) -> Any:
    """JSON as any reader takes it, which knows no NaN."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("argv", [[], ["list"]])
def test_a_list_shows_each_sweep_with_state_algorithm_and_trials(
    make_sweep: Make, sweep: Record, capsys: Captured, argv: list[str]
) -> None:
    make_sweep("sweep=random", *SPACE, run_id="other", state="stopped")
    first, second = [line for line in said(capsys, *argv).splitlines() if "ed" in line and "started" not in line]
    assert all(word in first for word in ("s ", "finished", "grid", "2 finished, 1 failed, 1 pruned"))
    assert all(word in second for word in ("other", "stopped", "random"))


@pytest.mark.parametrize("argv", [["--json"], ["list", "--json"]])
def test_a_list_is_read_by_scripts(sweep: Record, capsys: Captured, argv: list[str]) -> None:
    (row,) = strict(said(capsys, *argv))
    assert (row["id"], row["state"], row["path"]) == ("s", "finished", str(sweep.path))
    assert row["trials"] == {"finished": 2, "failed": 1, "pruned": 1}


def test_without_sweeps_a_list_is_empty(capsys: Captured) -> None:
    assert strict(said(capsys, "--json")) == []
    assert "sweep" in said(capsys)


@pytest.mark.parametrize("verb", ["show", "best", "export", "stop", "delete", "resume"])
def test_without_sweeps_every_other_verb_says_how_to_begin_one(capsys: Captured, verb: str) -> None:
    assert "windlass train -m" in said(capsys, verb, "latest", code=2)


@pytest.mark.parametrize("verb", ["show", "best", "export", "stop", "delete", "resume"])
def test_an_unknown_sweep_is_refused_by_every_verb(sweep: Record, capsys: Captured, verb: str) -> None:
    assert said(capsys, verb, "typo", code=2) == "error: no sweep is called 'typo'; the latest are s\n"


@pytest.mark.parametrize("name", [[], ["latest"], ["s"], ["sea"]])
def test_a_sweep_is_named_in_full_in_part_or_as_the_latest(make_sweep: Make, capsys: Captured, name: list[str]) -> None:
    record = make_sweep(*SPACE, run_id="s" if name == ["s"] else "search")
    assert strict(said(capsys, "show", *name, "--json"))["id"] == record.id


def test_show_has_a_row_a_trial_and_the_report(sweep: Record, capsys: Captured) -> None:
    shown = said(capsys, "show", "s")
    rows = {line.split()[1]: line for line in shown.splitlines() if line.startswith("│ s-")}
    assert all(word in rows["s-002"] for word in ("failed", "user code", "optimizer.lr=0.2 trainer.seed=0"))
    assert "ValueError" not in rows["s-002"]
    assert all(word in rows["s-003"] for word in ("pruned", "0.75"))
    assert "sweep s: finished (2 finished, 1 failed, 1 pruned)" in shown
    assert "device-hours: 1.0006 spent" in shown


def test_show_gives_scripts_every_trial(sweep: Record, capsys: Captured) -> None:
    shown = strict(said(capsys, "show", "s", "--json"))
    assert [trial["state"] for trial in shown["all"]] == ["finished", "finished", "failed", "pruned"]
    assert shown["all"][2]["reason"] == "user code: ValueError: no, [not] this"
    assert [trial["run"] for trial in shown["best"]] == ["s-001"]


def test_a_sweep_without_trials_is_shown_and_exported_and_has_no_best(make_sweep: Make, capsys: Captured) -> None:
    make_sweep(*SPACE)
    assert "sweep s: finished" in said(capsys, "show")
    assert strict(said(capsys, "show", "--json"))["all"] == []
    assert said(capsys, "export") == "trial,run,state,evaluations,device_seconds,reason\n"
    assert said(capsys, "best", code=2) == "error: no trial of sweep s has finished; see windlass sweeps show s\n"


def test_best_prints_what_may_be_pasted(sweep: Record, capsys: Captured) -> None:
    assert said(capsys, "best", "s") == "optimizer.lr=0.1 trainer.seed=1\n"
    (best,) = strict(said(capsys, "best", "s", "--json"))
    assert (best["trial"], best["values"]) == (1, {LOSS: 0.25})


def test_best_of_several_objectives_has_a_line_for_each_of_the_front(make_sweep: Make, capsys: Captured) -> None:
    record = make_sweep(*SPACE, f"sweep.metric=[{LOSS},validation/accuracy]", "sweep.direction=[min,max]")
    ledger = Ledger(record.ledger_path)
    for number, (loss, accuracy) in enumerate([(0.5, 0.9), (0.25, 0.75), (0.75, 0.75)]):
        values = {LOSS: loss, "validation/accuracy": accuracy}
        add(ledger, values=values, trainer__seed=str(number), model__name="a b")
    assert said(capsys, "best").splitlines() == [
        "trainer.seed=1 'model.name=a b'",
        "trainer.seed=0 'model.name=a b'",
    ]
    assert "Pareto front" in said(capsys, "show")


def test_an_export_has_a_row_a_trial_whatever_became_of_it(sweep: Record, capsys: Captured, tmp_path: Path) -> None:
    assert said(capsys, "export", "s", "--csv", str(tmp_path / "all.csv")) == ""
    with (tmp_path / "all.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == ["s-000", "s-001", "s-002", "s-003"]
    assert [row[LOSS] for row in rows] == ["0.5", "0.25", "", "0.75"]
    assert rows[2]["reason"] == "user code: ValueError: no, [not] this"
    assert rows[3]["optimizer.lr"] == "0.2"
    assert said(capsys, "export", "s") == (tmp_path / "all.csv").read_text()


@pytest.mark.parametrize("path", [".", "missing/all.csv", "file/all.csv"])
def test_an_export_to_where_nothing_can_be_written_is_refused(
    sweep: Record, capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert said(capsys, "export", "s", "--csv", path, code=2).startswith(f"error: --csv {path} can't be written: ")


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_is_left_blank_everywhere(
    make_sweep: Make, capsys: Captured, value: float | None
) -> None:
    ledger = Ledger(make_sweep(*SPACE).ledger_path)
    for number in range(5):
        add(ledger, losses=(value,), values={LOSS: value}, optimizer__lr="0.1", trainer__seed=str(number % 2))
    assert "│ s-004 │ finished │                 │ 1 " in said(capsys, "show")
    assert strict(said(capsys, "show", "--json"))["all"][0]["values"] == {LOSS: None}
    assert said(capsys, "export").splitlines()[1] == "0,s-000,finished,1,1.0,,0.1,0,"
    assert "no trial of sweep s has finished" in said(capsys, "best", code=2)


def test_values_with_brackets_are_shown_as_they_were_typed(make_sweep: Make, capsys: Captured) -> None:
    add(Ledger(make_sweep(*SPACE).ledger_path), FAILED, reason="[a] b[/c]: d", data__columns="[a,b]", data__path="[/x]")
    shown = said(capsys, "show")
    assert "data.columns=[a,b] data.path=[/x]" in shown
    assert "[a] b[/c]" in shown


def test_deleting_removes_the_sweep_and_its_runs_and_nothing_else(sweep: Record, capsys: Captured) -> None:
    create_run("s-other").update_job(state="finished")
    assert said(capsys, "delete", "s") == "deleted s and 4 runs\n"
    assert list_records() == []
    assert [run.id for run in list_runs()] == ["s-other"]


def test_a_run_that_was_removed_by_hand_hinders_nothing(sweep: Record, capsys: Captured) -> None:
    for file in (path := sweep.run(sweep.trials()[1]).path).rglob("*"):
        if file.is_file():
            file.unlink()
    (path / "logs").rmdir()
    path.rmdir()
    assert strict(said(capsys, "best", "--json"))[0]["run"] == "s-001"
    assert "s-001" in said(capsys, "show")
    assert said(capsys, "delete", "s") == "deleted s and 3 runs\n"


def test_a_sweep_that_runs_is_not_deleted(sweep: Record, capsys: Captured) -> None:
    sweep.update(state="running", process=this_process())
    assert "sweep s is running; stop it first: windlass sweeps stop s" in said(capsys, "delete", "s", code=2)
    assert len(list_runs()) == 4
    assert sweep.path.exists()


def test_a_sweep_is_not_deleted_under_a_run_that_goes_on_by_itself(sweep: Record, capsys: Captured) -> None:
    sweep.run(sweep.trials()[3]).update_job(state="running", **this_process())
    assert "run s-003 of sweep s is running; stop it first: windlass runs stop s-003" in said(
        capsys, "delete", "s", code=2
    )
    assert len(list_runs()) == 4
    assert sweep.path.exists()


def test_a_sweep_that_lost_its_process_is_deleted(sweep: Record, capsys: Captured) -> None:
    sweep.update(state="running", process={})
    sweep.update(process={"host": this_process()["host"]})
    assert said(capsys, "delete", "s") == "deleted s and 4 runs\n"


@pytest.mark.parametrize("spoilt", ["", None])
def test_a_sweep_with_a_spoilt_sweep_json_is_listed_exported_and_deleted(
    sweep: Record, capsys: Captured, spoilt: str | None
) -> None:
    sweep.record_path.unlink() if spoilt is None else sweep.record_path.write_text(spoilt)
    assert "lost" in said(capsys)
    assert len(said(capsys, "export").splitlines()) == 5
    for verb in ("show", "best", "resume"):
        assert "windlass sweeps delete s" in said(capsys, verb, "s", code=2)
    assert said(capsys, "delete", "s") == "deleted s and 4 runs\n"


@pytest.mark.parametrize(
    "argv", [["sweep.num_trials=2"], ["--json", "sweep.num_trials=2"], ["--force", "--json", "sweep.num_trials=2"]]
)
def test_overrides_of_a_resume_stand_before_or_behind_its_flags(
    make_sweep: Make, capsys: Captured, argv: list[str]
) -> None:
    record = make_sweep(*SPACE)
    for seed in ("0", "1"):
        add(Ledger(record.ledger_path), loss=0.5, optimizer__lr="0.1", trainer__seed=seed)
    assert run_command(["sweeps", "resume", "s", *argv]) == 0
    assert record.multirun.settings.num_trials == 2
    captured = capsys.readouterr()
    assert ("--json" not in argv) or strict(captured.out)["trials"] == {"finished": 2}


def test_stop_ends_the_process_of_a_sweep(sweep: Record, capsys: Captured) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(sweep.path)], cwd=ROOT)
    try:
        wait_until(lambda: sweep.state == "running", "a sweep that runs")
        assert said(capsys, "stop", "s") == "s is stopped\n"
        assert holder.wait(10) == 130
    finally:
        holder.kill()
        holder.wait()


def test_a_sweep_on_another_machine_is_stopped_there(sweep: Record, capsys: Captured) -> None:
    sweep.update(state="running", process={"pid": 1, "pid_created": 0.0, "host": "elsewhere"})
    assert "sweep s runs on elsewhere; type there: windlass sweeps stop s" in said(capsys, "stop", "s", code=2)
