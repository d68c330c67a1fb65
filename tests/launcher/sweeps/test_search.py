"""What is tried next depends on the seed, the number of the trial and the ledger, and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from launcher.config.multirun import Multirun
from launcher.errors import RequestError
from launcher.sweeps.ledger import FAILED, FINISHED, PRUNED, Ledger
from launcher.sweeps.search import make_search

LR = "optimizer.lr=tag(log,interval(1e-5,1e-1))"
SPACE = (LR, "trainer.global_batch_size=int(interval(4,16))", "optimizer=adamw,sgd")


def proposed(multirun: Multirun, path: Path, *, most: int = 1000) -> list[dict[str, str]]:
    """What a new process proposes until nothing is left."""
    ledger, search = Ledger(path), make_search(multirun)
    while len(ledger.trials) < most and (overrides := search.propose(ledger.trials)) is not None:
        ledger.propose(overrides)
    return [trial.overrides for trial in ledger.trials]


def test_a_grid_is_every_combination_once(ask: Callable[..., Multirun], tmp_path: Path) -> None:
    found = proposed(ask("optimizer.lr=1,2", "trainer.seed=0,1,2"), tmp_path / "ledger")
    assert found[:2] == [
        {"optimizer.lr": "1", "trainer.seed": "0"},
        {"optimizer.lr": "1", "trainer.seed": "1"},
    ]
    assert len({tuple(each.items()) for each in found}) == len(found) == 6


def test_a_grid_may_end_early(ask: Callable[..., Multirun], tmp_path: Path) -> None:
    assert len(proposed(ask("trainer.seed=range(10)", "sweep.num_trials=4"), tmp_path / "ledger")) == 4


def test_a_grid_without_a_swept_key_is_one_trial(ask: Callable[..., Multirun], tmp_path: Path) -> None:
    assert proposed(ask(), tmp_path / "ledger") == [{}]


@pytest.mark.parametrize("algorithm", ["random", "asha", "hyperband", "tpe"])
def test_a_search_that_is_broken_off_proposes_as_one_that_is_not(
    ask: Callable[..., Multirun], tmp_path: Path, algorithm: str
) -> None:
    multirun = ask(*SPACE, f"sweep={algorithm}", "sweep.num_trials=8")
    whole = proposed(multirun, tmp_path / "whole")
    assert len(whole) == 8
    proposed(multirun, tmp_path / "broken", most=3)
    assert proposed(multirun, tmp_path / "broken") == whole
    assert proposed(ask(*SPACE, f"sweep={algorithm}", "sweep.num_trials=8", "sweep.seed=1"), tmp_path / "o") != whole


def test_drawn_values_lie_within_their_intervals_and_are_typed_in_full(
    ask: Callable[..., Multirun], tmp_path: Path
) -> None:
    for each in proposed(ask(*SPACE, "sweep=random", "sweep.num_trials=20"), tmp_path / "ledger"):
        assert 1e-5 <= float(each["optimizer.lr"]) <= 1e-1
        assert 4 <= int(each["trainer.global_batch_size"]) <= 16
        assert each["optimizer"] in ("adamw", "sgd")


def test_tpe_learns_from_what_ended_and_lets_failures_be(ask: Callable[..., Multirun], tmp_path: Path) -> None:
    multirun = ask("optimizer.lr=interval(0,1)", "sweep=tpe", "sweep.num_trials=60")
    ledger, search = Ledger(tmp_path / "ledger"), make_search(multirun)
    for number in range(60):
        overrides = search.propose(ledger.trials)
        assert overrides is not None
        trial, value = ledger.propose(overrides), abs(float(overrides["optimizer.lr"]) - 0.7)
        if number % 5 == 0:
            ledger.end(trial, FAILED)
        elif number % 5 == 1:
            ledger.report(trial, {"validation/loss": value}, step=1)
            ledger.end(trial, PRUNED)
        else:
            ledger.end(trial, FINISHED, values={"validation/loss": value})
    late = [abs(float(trial.overrides["optimizer.lr"]) - 0.7) for trial in ledger.trials[40:]]
    assert sorted(late)[len(late) // 2] < 0.1


def test_several_metrics_are_searched_together(ask: Callable[..., Multirun], tmp_path: Path) -> None:
    multirun = ask(LR, "sweep=tpe", "sweep.metric=[validation/loss,validation/accuracy]", "sweep.direction=[min,max]")
    ledger, search = Ledger(tmp_path / "ledger"), make_search(multirun)
    for number in range(3):
        overrides = search.propose(ledger.trials)
        assert overrides is not None
        values = {"validation/loss": float(number), "validation/accuracy": float(number)}
        ledger.end(ledger.propose(overrides), FINISHED, values=values)
    assert search.propose(ledger.trials) is not None


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([LR], "optimizer.lr has an interval, and a grid needs values; use sweep=random"),
        (["trainer.seed=range(2000)"], r"2000 combinations, more than sweep.max_grid_size=1000; type sweep.max"),
        (["sweep=tpe"], "sweep=tpe has nothing to search"),
    ],
)
def test_a_space_that_does_not_go_with_the_search_is_refused(
    ask: Callable[..., Multirun], overrides: list[str], said: str
) -> None:
    with pytest.raises(RequestError, match=said):
        make_search(ask(*overrides))


def test_a_large_grid_that_is_meant_is_not_refused(ask: Callable[..., Multirun]) -> None:
    make_search(ask("trainer.seed=range(2000)", "sweep.max_grid_size=2000"))
