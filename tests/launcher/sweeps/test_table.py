"""What the terminal shows of a sweep."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from launcher.engines.local import Agents, LocalEngine
from launcher.parallel.devices import Devices
from launcher.sweeps.ledger import FAILED, FINISHED, PAUSED, PRUNED, Trial
from launcher.sweeps.record import Record
from launcher.sweeps.slots import Pool
from launcher.sweeps.sweep import Sweep
from launcher.sweeps.table import REFRESH_S, Table
from launcher.sweeps.trial import Ready, Running
from tests.launcher.sweeps.made import LOSS, add

SPACE = ("optimizer.lr=0.1,0.2", "trainer.seed=range(5)")


class Shown:
    """A sweep, its table, and what a console of some kind got to see."""

    def __init__(self, record: Record, *, is_terminal: bool) -> None:
        self._file = io.StringIO()
        console = Console(file=self._file, force_terminal=is_terminal, width=160, color_system=None)
        self.table, pool = Table(console), Pool(record.multirun.settings, Devices(cpu_cores=4), "cpu")
        self.sweep = Sweep(record, record.multirun, pool, self.table, Agents(thorough=True))

    def run(self, **overrides: str) -> Trial:
        """A trial that runs."""
        trial = self.sweep.ledger.propose({key.replace("__", "."): value for key, value in overrides.items()})
        slots = self.sweep.pool.take(1)
        assert slots is not None
        composed: Any = None  # nothing of it is shown
        run = self.sweep.record.run(trial)
        ready = Ready(trial=trial, composed=composed, config=composed, processes=1, command=[], run=run)
        self.sweep.running[trial.number] = Running(ready=ready, slots=slots, engine=LocalEngine())
        return trial

    def end(self, trial: Trial) -> None:
        """The table hears of its end."""
        self.table.ended(self.sweep, trial)

    def draw(self) -> str:
        """What is drawn now."""
        time.sleep(REFRESH_S)
        self._file.seek(0)
        self._file.truncate()
        self.table.draw(self.sweep)
        return self.text

    @property
    def text(self) -> str:
        return self._file.getvalue()


Show = Callable[..., Shown]


@pytest.fixture
def show(make_sweep: Callable[..., Record]) -> Show:
    def make(*overrides: str, is_terminal: bool = False) -> Shown:
        return Shown(make_sweep(*SPACE, *overrides), is_terminal=is_terminal)

    return make


def test_in_a_file_a_trial_has_a_line_where_it_begins_and_one_where_it_ends(show: Show) -> None:
    shown = show()
    running = shown.sweep.running[shown.run(optimizer__lr="0.1").number]
    shown.table.started(shown.sweep, running)
    shown.sweep.ledger.end(running.ready.trial, FINISHED, values={LOSS: 0.123456})
    shown.table.draw(shown.sweep)
    shown.end(running.ready.trial)
    assert shown.text == (f"trial 0 on cpu 0: optimizer.lr=0.1\ntrial 0 finished  {LOSS} 0.1235  optimizer.lr=0.1\n")


def test_the_line_of_a_failure_has_its_reason_in_full(show: Show) -> None:
    shown = show()
    reason = f"user code: {'long ' * 40}[/b]"
    shown.end(add(shown.sweep.ledger, FAILED, reason=reason, data__columns="[a,b]"))
    assert shown.text == f"trial 0 failed  {reason}  'data.columns=[a,b]'\n"


def test_the_line_of_a_trial_that_pauses_has_its_last_evaluation(show: Show) -> None:
    shown = show()
    shown.end(add(shown.sweep.ledger, PAUSED, losses=(0.5, 0.25)))
    assert f"trial 0 paused  {LOSS} 0.25  " in shown.text


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_a_value_that_is_no_number_is_left_out_of_the_line(show: Show, value: float | None) -> None:
    shown = show()
    shown.end(add(shown.sweep.ledger, losses=(value,), values={LOSS: value}, trainer__seed="1"))
    assert shown.text == "trial 0 finished  trainer.seed=1\n"


def test_a_terminal_has_a_row_a_trial_that_runs(show: Show) -> None:
    shown = show(is_terminal=True)
    shown.run(optimizer__lr="0.1", data__columns="[a,b]")
    second = shown.run(optimizer__lr="0.2")
    shown.sweep.running[1].last_step = {"step": 3, "num_steps": 8}
    shown.sweep.ledger.report(second, {LOSS: 0.5}, step=3)
    drawn = [line.split("│") for line in shown.draw().splitlines() if line.count("│") == 7]
    assert [[cell.strip() for cell in cells[1:-1]] for cells in drawn] == [
        ["0", "0", "", "", "0s", "optimizer.lr=0.1 'data.columns=[a,b]'"],
        ["1", "1", "3/8", "0.5", "0s", "optimizer.lr=0.2"],
    ]
    shown.table.close()


@pytest.mark.parametrize("value", [None, math.nan])
def test_an_evaluation_that_is_no_number_leaves_its_cell_blank(show: Show, value: float | None) -> None:
    shown = show(is_terminal=True)
    shown.sweep.ledger.report(shown.run(trainer__seed="0"), {LOSS: value}, step=1)  # type: ignore[dict-item]
    assert "trainer.seed=0" in (drawn := shown.draw())
    assert "n" not in drawn.splitlines()[-2].replace("trainer", "")
    shown.table.close()


def test_the_title_counts_trials_and_names_the_best(show: Show) -> None:
    shown = show(is_terminal=True)
    for state, loss in ((FINISHED, 0.5), (FINISHED, 0.25), (FAILED, None), (PRUNED, None), (FINISHED, None)):
        shown.end(add(shown.sweep.ledger, state, loss=loss))
    assert "sweep s  5/10 trials  1 failed  1 pruned  best 0.25 (trial 1)" in shown.draw()
    shown.table.close()


def test_the_title_of_several_objectives_names_no_best(show: Show) -> None:
    shown = show(f"sweep.metric=[{LOSS},train/loss]", is_terminal=True)
    for loss in (0.5, 0.25):
        add(shown.sweep.ledger, values={LOSS: loss, "train/loss": -loss})
    drawn = shown.draw()
    assert "2/10 trials" in drawn
    assert "best" not in drawn
    shown.table.close()


def test_what_is_left_is_told_by_trials_that_ended_since_it_goes_on(show: Show) -> None:
    shown = show(is_terminal=True)
    for _ in range(8):
        add(shown.sweep.ledger, loss=0.5)
    assert "left" not in shown.draw()
    shown.end(add(shown.sweep.ledger, loss=0.5))
    spent = 3600.0
    shown.table._begun = time.monotonic() - spent
    assert "9/10 trials  best 0.5 (trial 0)  1h00m left" in shown.draw()
    shown.table.close()
