"""The multilayer perceptron."""

import pytest
import torch
from torch import nn

from models.mlp import MLP

SIZES = {"num_features": 5, "num_outputs": 3, "width": 16, "depth": 2, "dropout": 0.0, "activation": "gelu"}


@pytest.mark.parametrize("depth", [1, 3])
def test_depth_counts_the_hidden_layers(depth):
    model = MLP(**SIZES | {"depth": depth})
    assert sum(isinstance(module, nn.Linear) for module in model.modules()) == depth + 1


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "tanh"])
def test_the_activation_is_found_by_its_name(activation):
    assert MLP(**SIZES | {"activation": activation})(torch.randn(2, 5)).shape == (2, 3)


def test_an_unknown_activation_is_refused_with_those_that_exist():
    with pytest.raises(ValueError, match=r"model\.activation=geluu is not one of relu, gelu, silu, tanh"):
        MLP(**SIZES | {"activation": "geluu"})


def test_dropout_acts_only_in_training():
    model = MLP(**SIZES | {"dropout": 0.5})
    inputs = torch.randn(8, 5)
    assert not torch.equal(model(inputs), model(inputs))
    assert torch.equal(model.eval()(inputs), model(inputs))
