"""A model and its optimizer as named tensors, in one process; `test_restore.py` spreads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from accelerate.state import AcceleratorState
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from launcher.parallel.spread import Spread
from launcher.parallel.state import (
    fill_optimizer_state,
    local_part,
    model_state,
    optimizer_state,
    take_optimizer_state,
)
from tests.launcher.parallel.spreads import spread


class Net(nn.Module):
    """Ordinary and frozen parameters, tied ones, one that is never used, and buffers that are saved or not."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3, bias=False)
        self.second.weight = self.first.weight
        self.norm = nn.BatchNorm1d(3)
        self.frozen = nn.Parameter(torch.ones(2), requires_grad=False)
        self.unused = nn.Parameter(torch.ones(2))
        self.register_buffer("scratch", torch.zeros(2), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.second(self.norm(self.first(inputs)))


class Counting(Optimizer):
    """Keeps a plain number of each parameter, as optimizers of a user's own may."""

    def __init__(self, params: Iterable[Any], lr: float) -> None:
        super().__init__(params, {"lr": lr})

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    state = self.state[parameter]
                    state["steps"] = state.get("steps", 0) + 1
                    parameter.data -= group["lr"] / state["steps"] * parameter.grad


MAKE: dict[str, Callable[[list[Any]], Optimizer]] = {
    "adamw": lambda parameters: AdamW(parameters, lr=0.1, weight_decay=0.5),
    "amsgrad": lambda parameters: Adam(parameters, lr=0.1, amsgrad=True),
    "momentum": lambda parameters: SGD(parameters, lr=0.1, momentum=0.9),
    "sgd": lambda parameters: SGD(parameters, lr=0.1),
    "own": lambda parameters: Counting(parameters, lr=0.1),
}
EACH = pytest.mark.parametrize("name", MAKE)


def made(seed: int) -> Spread:
    torch.manual_seed(seed)
    return spread(Net())


def train(model: Spread, optimizer: Optimizer, *, first: int = 0, last: int = 3) -> None:
    for step in range(first, last):
        inputs = torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
        model.whole(inputs).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()


def copied(model: Spread, optimizer: Optimizer) -> dict[str, Tensor]:
    """What a checkpoint would hold."""
    state = model_state(model) | optimizer_state(model, optimizer)
    return {name: local_part(value).clone() for name, value in state.items()}


def load(saved: dict[str, Tensor], model: Spread, optimizer: Optimizer) -> None:
    """What `restore.load` does, without files."""
    if any(name.startswith("optimizer/") for name in saved):
        fill_optimizer_state(optimizer)
    state = model_state(model) | optimizer_state(model, optimizer)
    state = {name: value for name, value in state.items() if name in saved}
    for name, value in state.items():
        local_part(value).copy_(saved[name])
    take_optimizer_state(model, optimizer, state, set(saved))


@pytest.fixture(autouse=True)
def no_accelerate() -> Iterator[None]:
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def test_names_are_those_of_the_model_and_each_tensor_is_there_once() -> None:
    model = made(0)
    names = set(model_state(model))
    assert {"model/first.weight", "model/frozen", "model/unused", "model/norm.running_mean"} <= names
    assert "model/norm.num_batches_tracked" in names
    assert not {"model/second.weight", "model/scratch"} & names


def test_what_the_optimizer_keeps_is_named_after_its_parameter() -> None:
    model = made(0)
    optimizer = MAKE["adamw"](model.parameters)
    assert optimizer_state(model, optimizer) == {}
    train(model, optimizer)
    state = optimizer_state(model, optimizer)
    assert {name.rpartition("/")[2] for name in state} == {"step", "exp_avg", "exp_avg_sq"}
    assert "optimizer/first.weight/exp_avg" in state
    assert not any("unused" in name or "frozen" in name for name in state)


@EACH
def test_training_goes_on_bit_by_bit_after_loading(name: str) -> None:
    model = made(0)
    optimizer = MAKE[name](model.parameters)
    train(model, optimizer)
    saved = copied(model, optimizer)
    other = made(1)
    its = MAKE[name](other.parameters)
    load(saved, other, its)
    train(model, optimizer, first=3, last=6)
    train(other, its, first=3, last=6)
    expected, found = copied(model, optimizer), copied(other, its)
    assert expected.keys() == found.keys()
    assert all(torch.equal(found[key], value) for key, value in expected.items())


@EACH
def test_filling_changes_neither_rates_nor_gradients_nor_weights(name: str) -> None:
    model = made(0)
    before = {key: value.clone() for key, value in model_state(model).items()}
    optimizer = MAKE[name](model.parameters)
    fill_optimizer_state(optimizer)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1]
    assert all(parameter.grad is None for parameter in model.parameters)
    assert all(torch.equal(value, before[key]) for key, value in model_state(model).items())


def test_a_number_that_an_optimizer_keeps_is_a_number_again() -> None:
    model = made(0)
    optimizer = MAKE["own"](model.parameters)
    train(model, optimizer)
    saved = copied(model, optimizer)
    assert saved["optimizer/first.bias/steps"].shape == ()
    other = made(1)
    its = MAKE["own"](other.parameters)
    load(saved, other, its)
    [count] = {values["steps"] for values in its.state.values()}
    assert (count, type(count)) == (3, int)


def test_a_parameter_that_never_had_a_gradient_has_no_state_after_loading() -> None:
    model = made(0)
    optimizer = MAKE["adamw"](model.parameters)
    train(model, optimizer)
    other = made(1)
    its = MAKE["adamw"](other.parameters)
    load(copied(model, optimizer), other, its)
    assert isinstance(other.whole, Net)
    assert other.whole.unused not in its.state
    assert other.whole.first.weight in its.state


def test_an_optimizer_under_a_gradient_scaler_that_has_not_scaled_yet_is_filled() -> None:
    Accelerator(cpu=True)
    model = made(0)
    plain = MAKE["adamw"](model.parameters)
    wrapped = AcceleratedOptimizer(plain, device_placement=False, scaler=torch.amp.GradScaler("cpu"))
    fill_optimizer_state(wrapped)
    assert all("exp_avg" in plain.state[parameter] for parameter in model.parameters)


def test_what_this_process_holds_has_no_history() -> None:
    assert not local_part(nn.Parameter(torch.ones(2))).requires_grad
