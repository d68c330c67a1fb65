"""One of several classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, precision_recall_fscore_support
from torch.nn.functional import cross_entropy

from launcher.data.loader import Batch
from launcher.tasks.classification import Classification


def test_the_loss_sum_over_the_count_is_the_mean_cross_entropy() -> None:
    logits, labels = torch.randn(5, 3), torch.tensor([0, 2, 1, 1, 0])
    task = Classification(num_classes=3)
    example = task.example(Batch({"inputs": torch.ones(5, 2), "labels": labels}, np.arange(5), 0, 0, 1.0))
    mean = task.loss_sum(logits, example.targets) / example.num_terms
    assert mean.item() == pytest.approx(cross_entropy(logits, labels).item(), rel=1e-5)


def test_padded_text_keeps_its_mask() -> None:
    columns = {"tokens": torch.ones(2, 4), "length": torch.tensor([4, 2]), "labels": torch.tensor([0, 1])}
    example = Classification(num_classes=2).example(Batch(columns, np.arange(2), 0, 0, 1.0))
    assert example.inputs["attention_mask"].sum(dim=1).tolist() == [4, 2]


@pytest.mark.parametrize("absent", [False, True], ids=["all classes", "a class that never occurs"])
def test_metrics_are_those_of_scikit_learn(absent: bool) -> None:
    draw = torch.Generator().manual_seed(1)
    labels = torch.randint(3, (60,), generator=draw)
    logits = torch.randn(60, 4, generator=draw) + 2 * torch.nn.functional.one_hot(labels, 4)
    if absent:
        logits[:, 3] = -100.0
    task = Classification(num_classes=4)
    metrics = task.metrics()
    for part in (slice(0, 10), slice(10, 60)):
        task.update(metrics, logits[part], labels[part], torch.zeros(()))
    guesses = logits.argmax(dim=1)
    precision, recall, f1, _ = precision_recall_fscore_support(labels, guesses, average="macro", zero_division=0.0)
    expected = {"accuracy": accuracy_score(labels, guesses), "precision": precision, "recall": recall, "f1": f1}
    assert {name: float(value) for name, value in metrics.compute().items()} == pytest.approx(expected, abs=1e-6)


def test_metrics_of_one_evaluation_do_not_leak_into_the_next() -> None:
    task = Classification(num_classes=2)
    labels = torch.tensor([0, 1])
    wrong, right = torch.eye(2).flip(0), torch.eye(2)
    task.update(task.metrics(), wrong, labels, torch.zeros(()))
    metrics = task.metrics()
    task.update(metrics, right, labels, torch.zeros(()))
    assert metrics.compute()["accuracy"] == 1.0
