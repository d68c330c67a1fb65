"""What a sweep found."""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import pytest
from rich.console import Console

from launcher.config.multirun import Multirun
from launcher.sweeps.ledger import FAILED, FINISHED, PAUSED, PRUNED, STOPPED, Ledger, Trial
from launcher.sweeps.record import Record
from launcher.sweeps.report import describe, hours, importance, make_report, show_report
from tests.launcher.sweeps.made import LOSS, add

Make = Callable[..., Record]
SEARCH = ("optimizer.lr=interval(0,1)", "trainer.seed=0,1", "sweep=random", "run_id=s")


def shown(record: Record) -> str:
    console = Console(file=io.StringIO(), width=200)
    show_report(record, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def finished(number: int, loss: float | None, lr: str = "0.5", seed: str = "0") -> Trial:
    overrides = {"optimizer.lr": lr, "trainer.seed": seed}
    return Trial(number=number, overrides=overrides, state=FINISHED, values={LOSS: loss})  # type: ignore[dict-item]


def test_trials_are_counted_by_their_state(make_sweep: Make) -> None:
    record = make_sweep("trainer.seed=range(9)")
    ledger = Ledger(record.ledger_path)
    for state in (FINISHED, FAILED, FINISHED):
        add(ledger, state)
    ledger.propose({})
    assert make_report(record)["trials"] == {"finished": 2, "failed": 1, "waiting": 1}


def test_a_sweep_without_trials_has_a_report(make_sweep: Make) -> None:
    record = make_sweep("trainer.seed=0,1")
    report = make_report(record)
    assert (report["trials"], report["best"], report["importance"]) == ({}, [], {})
    assert report["device_hours"] == {"spent": 0.0, "lost": 0.0, "saved": 0.0}
    assert "sweep s: finished" in shown(record)


def test_a_trial_that_has_not_finished_shows_its_last_evaluation(make_sweep: Make) -> None:
    record = make_sweep("trainer.seed=0,1")
    trial = add(Ledger(record.ledger_path), STOPPED, losses=(3.0, 2.0), trainer__seed="0")
    row = describe(record, trial)
    assert (row["run"], row["values"], row["evaluations"]) == ("s-000", {LOSS: 2.0}, 2)


def test_pruning_saves_what_the_rest_of_the_longest_would_have_cost() -> None:
    def trial(state: str, evaluations: int, seconds: float) -> Trial:
        reports = [{LOSS: 1.0}] * evaluations
        return Trial(number=0, overrides={}, state=state, reports=reports, device_seconds=seconds)

    trials = [trial(FINISHED, 10, 3600.0), trial(PRUNED, 2, 720.0), trial(FAILED, 1, 360.0), trial(PAUSED, 1, 360.0)]
    assert hours(trials) == pytest.approx({"spent": 1.4, "lost": 0.1, "saved": 0.8})
    assert hours([trial(PRUNED, 2, 720.0), trial(PRUNED, 0, 0.0)])["saved"] == 0.0


def test_the_key_that_values_depend_on_matters_most(ask: Callable[..., Multirun]) -> None:
    trials = [finished(number, number / 10, lr=str(number / 10), seed=str(number % 2)) for number in range(8)]
    shares = importance(trials, ask(*SEARCH))
    assert list(shares) == ["optimizer.lr", "trainer.seed"]
    assert shares["optimizer.lr"] > 0.9


@pytest.mark.parametrize(
    "trials",
    [
        [finished(number, float(number), lr=f"0.{number}") for number in range(3)],
        [finished(number, 1.0, lr=f"0.{number}") for number in range(6)],
        [finished(number, None if number > 2 else number, lr=f"0.{number}") for number in range(9)],
        [finished(number, math.nan if number > 2 else number, lr=f"0.{number}") for number in range(9)],
        [finished(number, float(number), lr=f"7.{number}") for number in range(9)],
    ],
    ids=["too few", "all alike", "none", "nan", "outside of the space"],
)
def test_what_says_nothing_of_importance_gives_none(ask: Callable[..., Multirun], trials: list[Trial]) -> None:
    assert importance(trials, ask(*SEARCH)) == {}


def test_trials_without_a_number_leave_the_importance_of_the_others(ask: Callable[..., Multirun]) -> None:
    trials = [finished(number, None if number % 3 == 0 else number / 9, lr=f"0.{number}") for number in range(9)]
    assert importance(trials, ask(*SEARCH))


def test_a_list_that_was_swept_is_shown_as_it_was_typed(make_sweep: Make) -> None:
    record = make_sweep("trainer.seed=0,1")
    add(Ledger(record.ledger_path), loss=0.5, data__columns="[a,b]")
    assert "data.columns=[a,b]" in shown(record)


def test_several_objectives_are_shown_as_a_front(make_sweep: Make) -> None:
    record = make_sweep("trainer.seed=0,1", f"sweep.metric=[{LOSS},train/loss]", "sweep.direction=[min,max]")
    ledger = Ledger(record.ledger_path)
    add(ledger, values={LOSS: 0.25, "train/loss": 0.125})
    add(ledger, values={LOSS: 0.75, "train/loss": 0.625})
    add(ledger, values={LOSS: 0.75, "train/loss": None})
    said = shown(record)
    assert "Pareto front" in said
    assert all(value in said for value in ("s-000", "0.25", "0.125", "s-001", "0.75", "0.625"))
    assert "s-002" not in said
