"""Real numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from torch.nn.functional import mse_loss

from launcher.data.loader import Batch
from launcher.tasks.regression import Regression


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_loss_sum_over_the_count_is_the_mean_squared_error(outputs: int) -> None:
    output, labels = torch.randn(5, outputs), torch.randn(5, outputs)
    task = Regression(num_outputs=outputs)
    example = task.example(Batch({"inputs": torch.ones(5, 2), "labels": labels}, np.arange(5), 0, 0, 1.0))
    mean = task.loss_sum(output, example.targets) / example.num_terms
    assert mean.item() == pytest.approx(mse_loss(output, labels).item(), rel=1e-5)


@pytest.mark.parametrize("outputs", [1, 3])
def test_metrics_are_those_of_scikit_learn(outputs: int) -> None:
    draw = torch.Generator().manual_seed(1)
    labels = torch.randn(40, outputs, generator=draw)
    output = labels + 0.5 * torch.randn(40, outputs, generator=draw)
    task = Regression(num_outputs=outputs)
    metrics = task.metrics()
    for part in (slice(0, 1), slice(1, 40)):
        task.update(metrics, output[part], labels[part], torch.zeros(()))
    expected = {
        "r2": r2_score(labels, output),
        "mse": mean_squared_error(labels, output),
        "mae": mean_absolute_error(labels, output),
    }
    assert {name: float(value) for name, value in metrics.compute().items()} == pytest.approx(expected, rel=1e-5)
