"""How good the trained models are, with nothing tuned on the command line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from launcher.runs import Run, read_json

pytestmark = pytest.mark.slow
Train = Callable[..., Run]


@pytest.mark.parametrize(
    ("model", "dataset", "metric", "least"),
    [
        ("mlp", "breast_cancer", "accuracy", 0.95),
        ("cnn", "digits", "accuracy", 0.97),
        ("mlp", "wine", "accuracy", 0.93),
        ("mlp", "iris", "accuracy", 0.93),
        ("linear", "diabetes", "r2", 0.42),
        ("mlp", "diabetes", "r2", 0.42),
    ],
)
def test_the_test_split_is_predicted_well(train: Train, model: str, dataset: str, metric: str, least: float) -> None:
    assert train(f"model={model}", f"dataset={dataset}").metrics[f"test/{metric}"] >= least


def test_the_default_run_beats_the_trigram_floor(train: Train) -> None:
    run = train()
    floors = read_json(run.data_path)["floors"]
    assert run.metrics["validation/bits_per_byte"] < floors["trigram"]
    assert run.summary["sample"]
