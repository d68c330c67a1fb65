"""The optimizer that a section names, and what its weight decay touches."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from launcher.training.optimizer import make_optimizer


class Tiny(nn.Module):
    """A matrix, a bias, the scale of a norm and a matrix that is frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.ones(2, 2))
        self.bias = nn.Parameter(torch.ones(2))
        self.scale = nn.Parameter(torch.ones(()))
        self.frozen = nn.Parameter(torch.ones(2, 2), requires_grad=False)


def decayed(section: dict[str, object]) -> dict[str, bool]:
    """Which parameters shrink in a step whose gradients are all zero."""
    model = Tiny()
    optimizer = make_optimizer(section, model.parameters())
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    return {name: bool((parameter < 1).all()) for name, parameter in model.named_parameters()}


SGD = {"_target_": "torch.optim.SGD", "lr": 0.1}
ADAMW = {"_target_": "torch.optim.AdamW", "lr": 0.1}


@pytest.mark.parametrize("section", [SGD, ADAMW], ids=["sgd", "adamw"])
def test_weight_decay_shrinks_matrices_only(section: dict[str, object]) -> None:
    shrunk = decayed({**section, "weight_decay": 0.5})
    assert shrunk == {"matrix": True, "bias": False, "scale": False, "frozen": False}


def test_a_weight_decay_of_zero_shrinks_nothing() -> None:
    assert not any(decayed({**ADAMW, "weight_decay": 0.0}).values())


def test_an_optimizer_without_weight_decay_is_not_given_one() -> None:
    optimizer = make_optimizer({"_target_": "torch.optim.Rprop", "lr": 0.1}, Tiny().parameters())
    assert all("weight_decay" not in group for group in optimizer.param_groups)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_every_trainable_parameter_is_optimized_once_and_no_other(weight_decay: float) -> None:
    model = Tiny()
    optimizer = make_optimizer({**SGD, "weight_decay": weight_decay}, model.parameters())
    optimized = [id(parameter) for group in optimizer.param_groups for parameter in group["params"]]
    assert sorted(optimized) == sorted(id(p) for p in (model.matrix, model.bias, model.scale))


def test_a_model_without_vectors_has_no_empty_group() -> None:
    optimizer = make_optimizer({**SGD, "weight_decay": 0.1}, nn.Linear(2, 2, bias=False).parameters())
    assert [len(group["params"]) for group in optimizer.param_groups] == [1]


def test_arguments_of_the_section_reach_the_optimizer() -> None:
    optimizer = make_optimizer({**SGD, "momentum": 0.9, "nesterov": True}, Tiny().parameters())
    assert isinstance(optimizer, torch.optim.SGD)
    assert (optimizer.defaults["lr"], optimizer.defaults["momentum"], optimizer.defaults["nesterov"]) == (
        0.1,
        0.9,
        True,
    )
