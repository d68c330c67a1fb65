"""Bytes of a model that is never held."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from launcher.training.footprint import Footprint, measure_footprint

ADAMW = {"_target_": "torch.optim.AdamW", "lr": 0.1, "weight_decay": 0.1, "fused": True}
SGD = {"_target_": "torch.optim.SGD", "lr": 0.1}
FEATURES, OUTPUTS = 7, 5
PARAMETERS = FEATURES * OUTPUTS + OUTPUTS


def footprint(*, optimizer: dict[str, Any] = SGD, model: str = "models.linear.Linear", **sizes: Any) -> Footprint:
    sizes = sizes or {"num_features": FEATURES, "num_outputs": OUTPUTS}
    return measure_footprint(SimpleNamespace(model={"_target_": model, **sizes}, optimizer=optimizer))  # type: ignore[arg-type]


def test_parameters_weights_and_gradients_are_counted() -> None:
    found = footprint()
    assert (found.num_parameters, found.weights_bytes, found.gradients_bytes) == (
        PARAMETERS,
        4 * PARAMETERS,
        4 * PARAMETERS,
    )


def test_buffers_weigh_but_are_no_parameters() -> None:
    found = footprint(model="torch.nn.BatchNorm1d", num_features=3)
    assert (found.num_parameters, found.weights_bytes) == (6, 4 * 6 + 4 * 6 + 8)  # running mean and variance, count


def test_adam_keeps_two_numbers_a_parameter_and_a_count_a_tensor() -> None:
    assert footprint(optimizer=ADAMW).optimizer_bytes == 2 * 4 * PARAMETERS + 2 * 4


@pytest.mark.parametrize(("momentum", "numbers"), [(0.0, 0), (0.9, 1)])
def test_sgd_keeps_a_number_a_parameter_only_with_momentum(momentum: float, numbers: int) -> None:
    assert footprint(optimizer={**SGD, "momentum": momentum}).optimizer_bytes == numbers * 4 * PARAMETERS


def test_an_optimizer_that_cannot_step_without_values_is_unknown() -> None:
    assert footprint(optimizer={"_target_": "torch.optim.SparseAdam", "lr": 0.1}).optimizer_bytes is None


def test_a_model_that_no_memory_could_hold_is_measured() -> None:
    assert footprint(num_features=10**9, num_outputs=10**6, optimizer=ADAMW).num_parameters == 10**15 + 10**6
