"""Pictures of a sweep."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from launcher.config.multirun import Multirun
from launcher.sweeps.ledger import FAILED, FINISHED, PRUNED, Trial
from launcher.sweeps.plot import write_plot
from tests.launcher.sweeps.made import LOSS

Ask = Callable[..., Multirun]
LR = "optimizer.lr=tag(log,interval(1e-3,1e-1))"
DRAWN = ("sweep=random", LR, "trainer.seed=0,1", "run_id=s")


def trial(number: int, lr: str, *, state: str = FINISHED, reports: Any = (), **values: Any) -> Trial:
    metrics = {name.replace("_", "/", 1): value for name, value in values.items()}
    overrides = {"optimizer.lr": lr, "trainer.seed": str(number % 2)}
    return Trial(number=number, overrides=overrides, state=state, values=metrics, reports=list(reports))


def read(path: Path) -> str:
    """A page, with its slashes as they are meant."""
    return path.read_text(encoding="utf-8").replace("\\u002f", "/")


def test_a_picture_needs_no_network_and_names_metric_and_keys(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "plot.html"
    trials = [
        trial(0, "0.01", validation_loss=0.5),
        trial(1, "0.02", validation_loss=0.4),
        trial(2, "0.03", state=PRUNED, reports=[{LOSS: None}]),
        trial(3, "0.04", state=FAILED),
        trial(4, "0.05", validation_loss=math.nan),
        trial(5, "0.06", validation_loss=None),
        trial(6, "7.0", validation_loss=0.1),  # from a space that was another
    ]
    assert write_plot(path, trials, ask(*DRAWN))
    page = read(path)
    assert re.findall(r"<script[^>]*\bsrc=|<link\b", page) == []
    assert all(word in page for word in (LOSS, "optimizer.lr", "trainer.seed"))
    assert "0.02" in page
    assert "7.0" not in page.rpartition("Plotly.newPlot")[2]


@pytest.mark.parametrize(
    "trials",
    [
        [],
        [trial(0, "0.01", validation_loss=0.5)],
        [trial(0, "0.01", validation_loss=0.5), trial(1, "0.02", state=FAILED)],
        [trial(0, "0.01", validation_loss=0.5), trial(1, "0.02", validation_loss=None)],
        [trial(number, "7.0", validation_loss=0.5) for number in range(5)],
    ],
    ids=["none", "one", "failed", "no number", "outside of the space"],
)
def test_fewer_than_two_values_make_no_picture(ask: Ask, tmp_path: Path, trials: list[Trial]) -> None:
    assert not write_plot(tmp_path / "plot.html", trials, ask(*DRAWN))
    assert not (tmp_path / "plot.html").exists()


def test_a_space_of_nothing_makes_no_picture(ask: Ask, tmp_path: Path) -> None:
    trials = [Trial(number=number, overrides={}, state=FINISHED, values={LOSS: 1.0}) for number in range(3)]
    assert not write_plot(tmp_path / "plot.html", trials, ask())


@pytest.mark.parametrize(("names", "has_front"), [("train/loss", True), ("train/loss,test/loss", False)])
def test_several_objectives_have_pictures_of_their_own_and_two_a_front(
    ask: Ask, tmp_path: Path, names: str, has_front: bool
) -> None:
    path = tmp_path / "plot.html"
    trials = [
        trial(number, f"0.0{number}", validation_loss=number / 9, train_loss=-number / 9, test_loss=number)
        for number in range(1, 4)
    ]
    assert write_plot(path, trials, ask(*DRAWN, f"sweep.metric=[{LOSS},{names}]"))
    page = read(path)
    assert ("Pareto-front" in page) is has_front
    assert all(name in page for name in names.split(","))


def test_a_grid_of_words_has_a_picture(ask: Ask, tmp_path: Path) -> None:
    trials = [
        Trial(number=number, overrides={"optimizer": name}, state=FINISHED, values={LOSS: number})
        for number, name in enumerate(("adamw", "sgd"))
    ]
    assert write_plot(tmp_path / "plot.html", trials, ask("optimizer=adamw,sgd"))
