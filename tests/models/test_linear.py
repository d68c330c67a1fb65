"""The affine baseline."""

import torch

from models.linear import Linear


def test_it_begins_by_knowing_nothing():
    assert torch.equal(Linear(num_features=5, num_outputs=3)(torch.randn(4, 5)), torch.zeros(4, 3))


def test_its_outputs_are_weighted_sums_of_the_inputs():
    model = Linear(num_features=5, num_outputs=3)
    torch.nn.init.normal_(model.head.weight)
    first, second = torch.randn(2, 4, 5)
    torch.testing.assert_close(model(first + second), model(first) + model(second))
