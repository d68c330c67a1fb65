"""What a sample costs, against sums by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from launcher.training.flops import flops_per_sample

CLASSES = {"_target_": "launcher.tasks.classification.Classification", "num_classes": 5}


class Table:
    """Rows of some features and a class."""

    def __init__(self, num_features: int) -> None:
        self.num_features = num_features

    def __len__(self) -> int:
        return 3

    def gather(self, indices: NDArray[np.int64]) -> dict[str, NDArray]:
        return {
            "inputs": np.zeros((len(indices), self.num_features), dtype=np.float32),
            "labels": np.zeros(len(indices), dtype=np.int64),
        }


class Text:
    """Rows of bytes, each one longer than the model sees at once."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return 3

    def gather(self, indices: NDArray[np.int64]) -> dict[str, NDArray]:
        return {"tokens": np.zeros((len(indices), self.length + 1), dtype=np.uint8)}


def config(**model: Any) -> Any:
    """The sections of a config that are read here."""
    return SimpleNamespace(task=CLASSES, model={"num_outputs": 5, **model})


def linear(num_features: int) -> Any:
    return config(_target_="models.linear.Linear", num_features=num_features)


def test_one_layer_costs_a_product_forward_and_one_for_the_gradient_of_its_weights() -> None:
    assert flops_per_sample(linear(7), Table(7)) == 2 * (2 * 7 * 5)


def test_a_later_layer_also_passes_a_gradient_to_the_one_before() -> None:
    two = config(_target_="models.mlp.MLP", num_features=7, width=16, depth=1, dropout=0.0, activation="relu")
    assert flops_per_sample(two, Table(7)) == 2 * (2 * 7 * 16) + 3 * (2 * 16 * 5)


def test_a_model_that_no_memory_could_hold_is_counted() -> None:
    width = 10**7
    huge = config(_target_="models.mlp.MLP", num_features=7, width=width, depth=2, dropout=0.0, activation="relu")
    assert flops_per_sample(huge, Table(7)) == 4 * 7 * width + 6 * width * width + 6 * width * 5


def test_each_token_of_a_sequence_costs_the_same() -> None:
    model = {"_target_": "models.lstm.LSTM", "labels": "next_tokens", "vocab_size": 256, "num_outputs": None}
    sizes = {"width": 8, "num_layers": 1, "dropout": 0.0}
    task = {"_target_": "launcher.tasks.language_modeling.LanguageModeling", "bytes_per_token": 1.0}
    sections: Any = SimpleNamespace(task=task, model=model | sizes)
    two, four, six = (flops_per_sample(sections, Text(tokens)) for tokens in (2, 4, 6))
    assert six - four == four - two > 0
