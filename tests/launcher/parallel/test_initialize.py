"""Weights of a model that is filled after it was built without any."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from launcher.errors import RequestError
from launcher.parallel.initialize import DrawnAsOne, initialize

CPU = torch.device("cpu")


class Filled(nn.Module):
    """Two layers, drawn one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 3), nn.Linear(3, 2)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all anew."""
        for layer in (self.first, self.second):
            nn.init.normal_(layer.weight)
            nn.init.uniform_(layer.bias)


class Forgetful(Filled):
    """Leaves a bias as it was."""

    def reset_parameters(self) -> None:
        """Draw all but one."""
        nn.init.zeros_(self.first.weight)
        nn.init.zeros_(self.first.bias)
        nn.init.zeros_(self.second.weight)


def on_meta(kind: type[nn.Module]) -> nn.Module:
    with torch.device("meta"):
        return kind()


def drawn(seed: int = 0) -> dict[str, torch.Tensor]:
    """What a plain constructor would draw."""
    model = Filled()
    torch.manual_seed(seed)
    model.reset_parameters()
    return model.state_dict()


def test_weights_are_those_of_a_model_that_was_built_whole() -> None:
    model = on_meta(Filled)
    initialize(model, [model], seed=3, device=CPU)
    assert [name for name, value in drawn(3).items() if not torch.equal(value, model.state_dict()[name])] == []


@pytest.mark.parametrize("part", ["first", "second"])
def test_a_part_gets_the_weights_that_it_has_in_the_whole(part: str) -> None:
    model = on_meta(Filled)
    initialize(model, [model.get_submodule(part)], seed=3, device=CPU)
    expected = {name: value for name, value in drawn(3).items() if name.startswith(part)}
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in expected.items())


def test_what_others_hold_stays_on_the_meta_device() -> None:
    model = on_meta(Filled)
    initialize(model, [model.get_submodule("first")], seed=3, device=CPU)
    assert model.get_parameter("second.weight").is_meta


def test_a_parameter_that_is_left_as_it_was_is_refused_by_its_name() -> None:
    model = on_meta(Forgetful)
    with pytest.raises(RequestError, match=r"Forgetful.reset_parameters\(\) leaves second.bias as it was"):
        initialize(model, [model], seed=0, device=CPU)


def test_draws_for_absent_tensors_move_the_random_stream_on() -> None:
    torch.manual_seed(0)
    torch.empty(5).normal_()
    expected = torch.rand(3)
    torch.manual_seed(0)
    with DrawnAsOne(CPU):
        torch.empty(5, device="meta").normal_()
    assert torch.equal(torch.rand(3), expected)


def test_tensors_that_are_here_are_drawn_as_ever() -> None:
    torch.manual_seed(0)
    expected = torch.empty(4).uniform_(-1, 1)
    torch.manual_seed(0)
    with DrawnAsOne(CPU):
        found = torch.empty(4).uniform_(-1, 1)
    assert torch.equal(found, expected)
