"""The gradient's norm and its clipping, where one process holds everything."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from launcher.parallel.clip import GradientNorm


def parameters(*gradients: list[float]) -> list[nn.Parameter]:
    """Parameters with these gradients."""
    made = []
    for gradient in gradients:
        parameter = nn.Parameter(torch.zeros(len(gradient)))
        parameter.grad = torch.tensor(gradient)
        made.append(parameter)
    return made


def clip(made: list[nn.Parameter], limit: float | None) -> float:
    return GradientNorm(made, device=torch.device("cpu"), stages=None).clip(limit).item()


def test_the_norm_is_that_of_all_gradients_together() -> None:
    assert clip(parameters([3.0, 0.0], [4.0]), None) == 5.0


def test_the_norm_is_the_one_before_clipping() -> None:
    assert clip(parameters([3.0], [4.0]), 1.0) == 5.0


def test_clipping_is_that_of_torch() -> None:
    ours, theirs = parameters([3.0, -1.0], [4.0]), parameters([3.0, -1.0], [4.0])
    clip(ours, 2.0)
    nn.utils.clip_grad_norm_(theirs, 2.0)
    assert [p.grad.tolist() for p in ours] == [p.grad.tolist() for p in theirs]


@pytest.mark.parametrize("limit", [None, 6.0])
def test_a_gradient_within_the_limit_stays_as_it_is(limit: float | None) -> None:
    made = parameters([3.0], [4.0])
    clip(made, limit)
    assert [p.grad.tolist() for p in made] == [[3.0], [4.0]]


def test_a_parameter_without_a_gradient_counts_nothing() -> None:
    made = [*parameters([3.0]), nn.Parameter(torch.zeros(2))]
    assert clip(made, 1.0) == 3.0
    assert made[1].grad is None


def test_a_gradient_that_is_not_finite_shows_in_the_norm() -> None:
    assert clip(parameters([3.0], [float("nan")]), None) != 5.0
