"""Going on with a sweep: what may change, and how it ends. All trials have ended before, so that none is run."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from launcher.config.multirun import Multirun
from launcher.config.sweep_app import change_multirun
from launcher.errors import RequestError
from launcher.sweeps.ledger import FAILED, FINISHED, PAUSED, PRUNED, Ledger
from launcher.sweeps.record import Record, held
from launcher.sweeps.start import go_on, start_sweep
from launcher.sweeps.table import Table
from tests.launcher.sweeps.made import add

Make = Callable[..., Record]
Ask = Callable[..., Multirun]
SPACE = ("run_id=s", "trainer.seed=0,1")


@pytest.fixture
def table() -> Table:
    return Table(Console(file=io.StringIO(), width=200))


def said(table: Table) -> str:
    assert isinstance(table.console.file, io.StringIO)
    return table.console.file.getvalue()


@pytest.fixture
def ended(make_sweep: Make) -> Callable[..., Record]:
    """A sweep that was broken off when its trials, of seeds 0, 1, ..., had come to these states."""

    def make(*states: str) -> Record:
        record = make_sweep(*SPACE, state="stopped")
        ledger = Ledger(record.ledger_path)
        for seed, state in enumerate(states):
            loss = 0.5 - seed / 10 if state == FINISHED else None
            add(ledger, state, loss=loss, losses=(0.9,), reason="user code: no", trainer__seed=str(seed))
        return record

    return make


@pytest.mark.parametrize(
    ("states", "code", "state"),
    [
        ((FINISHED, FINISHED), 0, "finished"),
        ((FINISHED, FAILED), 0, "finished"),
        ((PRUNED, FAILED), 0, "finished"),
        ((FAILED, FAILED), 1, "finished"),
    ],
)
def test_the_exit_code_is_0_unless_all_trials_failed(
    ended: Callable[..., Record], table: Table, states: tuple[str, ...], code: int, state: str
) -> None:
    record = ended(*states)
    assert go_on(record, record.multirun, table) == (record, code)
    assert record.state == state


def test_trials_that_still_pause_at_the_end_count_as_pruned(ended: Callable[..., Record], table: Table) -> None:
    record = ended(FINISHED, PAUSED)
    go_on(record, record.multirun, table)
    assert [trial.state for trial in record.trials()] == [FINISHED, PRUNED]


def test_the_same_command_goes_on_with_the_sweep_of_its_name(
    ended: Callable[..., Record], ask: Ask, table: Table
) -> None:
    record = ended(FINISHED, FINISHED)
    assert start_sweep(ask(*SPACE), table) == (record, 0)
    assert "sweep s: finished (2 finished)" in said(table)


def test_at_the_end_the_best_and_the_plots_are_shown(ended: Callable[..., Record], table: Table) -> None:
    record = ended(FINISHED, FINISHED)
    go_on(record, record.multirun, table)
    assert f"plots: {record.plot_path}" in said(table)
    assert record.plot_path.exists()
    assert "s-001" in said(table)
    assert "s-000" not in said(table)


@pytest.mark.parametrize(
    ("overrides", "difference"),
    [
        (["run_id=s", "trainer.seed=0,1,2"], "trainer.seed: 0 and 1 became 0, 1 and 2"),
        (["run_id=s", "optimizer.lr=0.1,0.2"], "trainer.seed: 0 and 1 became nothing; optimizer.lr: nothing became"),
        ([*SPACE, "optimizer.lr=0.1"], "optimizer.lr=0.1 is new"),
    ],
)
def test_what_would_change_all_trials_is_refused_with_the_difference_unless_it_is_forced(
    ended: Callable[..., Record], ask: Ask, table: Table, overrides: list[str], difference: str
) -> None:
    record = ended(FINISHED, FINISHED)
    before, changed = record.values, ask(*overrides, "sweep.num_trials=2")
    with pytest.raises(RequestError) as refusal:
        start_sweep(changed, table)
    assert f"sweep s would change: {difference}" in str(refusal.value)
    assert "type --force to go on all the same" in str(refusal.value)
    assert record.values == before
    assert start_sweep(changed, table, force=True) == (record, 0)
    assert record.multirun == changed


def test_what_all_trials_had_may_not_go_either(make_sweep: Make, ask: Ask, table: Table) -> None:
    make_sweep(*SPACE, "optimizer.lr=0.1")
    with pytest.raises(RequestError, match=r"sweep s would change: optimizer\.lr=0\.1 is gone"):
        start_sweep(ask(*SPACE), table)


@pytest.mark.parametrize("setting", ["sweep.num_trials=2", "sweep.max_failures=null", "sweep.metric=train/loss"])
def test_how_a_sweep_goes_about_it_may_change(ended: Callable[..., Record], table: Table, setting: str) -> None:
    record = ended(FINISHED, FINISHED)
    changed = change_multirun(record.multirun, [setting])
    assert go_on(record, changed, table) == (record, 0)
    assert record.multirun == changed


def test_a_sweep_that_runs_is_not_run_twice(ended: Callable[..., Record], table: Table) -> None:
    record = ended(FINISHED, FINISHED)
    before = record.values
    with held(record), pytest.raises(RequestError, match="sweep s is running; stop it first"):
        go_on(record, record.multirun, table)
    assert record.values == before


def test_a_wrong_request_leaves_the_sweep_as_it_was(ended: Callable[..., Record], table: Table) -> None:
    record = ended(FINISHED, FINISHED)
    before = record.values
    with pytest.raises(RequestError, match=r"sweep\.slots names"):
        go_on(record, change_multirun(record.multirun, ["sweep.slots=[9999]"]), table)
    assert record.values == before


@pytest.mark.parametrize("is_gone", [True, False])
def test_the_same_command_goes_on_where_sweep_json_is_gone_or_spoilt(
    ended: Callable[..., Record], ask: Ask, table: Table, is_gone: bool
) -> None:
    record = ended(FINISHED, FINISHED)
    record.record_path.write_text("")
    if is_gone:
        record.record_path.unlink()
    assert start_sweep(ask(*SPACE), table) == (record, 0)
    assert (record.state, record.multirun) == ("finished", ask(*SPACE))
    assert [trial.state for trial in record.trials()] == [FINISHED, FINISHED]


@pytest.mark.parametrize("value", [None, float("nan")])
@pytest.mark.parametrize("algorithm", ["random", "tpe", "asha"])
def test_a_search_goes_on_past_trials_without_a_number(
    make_sweep: Make, table: Table, algorithm: str, value: float | None
) -> None:
    record = make_sweep(
        *SPACE, f"sweep={algorithm}", "sweep.num_trials=6", "trainer.eval_every_steps=2", state="stopped"
    )
    ledger = Ledger(record.ledger_path)
    for number in range(6):
        loss = value if number % 2 else number / 9
        add(ledger, losses=(loss,), values={"validation/loss": loss}, trainer__seed=str(number % 2))
    assert go_on(record, record.multirun, table) == (record, 0)
    assert "s-000" in said(table)
