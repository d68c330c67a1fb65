"""The convolutional network."""

import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

from models.cnn import CNN

SIZES = {"num_channels": 1, "image_size": 8, "num_outputs": 10, "width": 16, "depth": 3, "dropout": 0.0}


def test_no_layer_looks_at_other_samples():
    model = CNN(**SIZES)
    assert not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules())
    assert list(model.buffers()) == []


@pytest.mark.parametrize("width", [8, 12, 1])
def test_any_width_works(width):
    assert CNN(**SIZES | {"width": width})(torch.randn(2, 1, 8, 8)).shape == (2, 10)


def test_more_stages_than_halvings_are_refused_with_the_most_that_fit():
    with pytest.raises(ValueError, match=r"model\.depth=5 .* 8 pixels .* use model\.depth=4 or less"):
        CNN(**SIZES | {"depth": 5})
    assert CNN(**SIZES | {"depth": 4})(torch.randn(2, 1, 8, 8)).shape == (2, 10)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_reads_handwritten_digits(build, seed):
    pixels, digits = load_digits(return_X_y=True)
    torch.manual_seed(seed)
    order = torch.randperm(len(pixels))
    inputs = torch.tensor(pixels, dtype=torch.float32).view(-1, 1, 8, 8)[order] / 8 - 1
    labels = torch.tensor(digits)[order]
    split = int(0.8 * len(labels))
    model = build("cnn", "image/classes", num_outputs=10)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=10 * -(-split // 32))
    for _ in range(10):
        for rows in torch.randperm(split).split(32):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs[rows]), labels[rows]).backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        accuracy = (model(inputs[split:]).argmax(-1) == labels[split:]).float().mean()
    assert accuracy >= 0.97
