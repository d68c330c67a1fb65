"""ResNet of transformers."""

import pytest
import torch
from torch import nn
from transformers import ResNetConfig, ResNetForImageClassification

RESNET_50 = {"widths": [256, 512, 1024, 2048], "depths": [3, 4, 6, 3], "layer": "bottleneck"}
AS_PUBLISHED = {"stem": "standard", "normalization": "batch"}


def test_logits_are_those_of_transformers(build, batch):
    model = build("resnet", "image/classes", widths=[8, 16], depths=[1, 1], **AS_PUBLISHED)
    torch.manual_seed(0)
    published = ResNetForImageClassification(
        ResNetConfig(
            num_channels=1, embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=3
        )
    )
    inputs = batch("image/classes")["inputs"]
    assert torch.equal(model(inputs), published(inputs).logits)


def test_resnet_50_has_the_published_number_of_parameters(build):
    with torch.device("meta"):
        model = build("resnet", "image/classes", num_channels=3, num_outputs=1000, **RESNET_50, **AS_PUBLISHED)
    assert sum(parameter.numel() for parameter in model.parameters()) == 25_557_032


def test_the_small_stem_keeps_every_pixel(build, batch):
    stem = build("resnet", "image/classes", stem="small").model.resnet.embedder
    assert stem(batch("image/classes")["inputs"]).shape[-2:] == (8, 8)


@pytest.mark.parametrize(("image_size", "kernel"), [(8, 3), (63, 3), (64, 7)])
def test_the_size_of_the_image_decides_the_stem(build, image_size, kernel):
    model = build("resnet", "image/classes", image_size=image_size)
    assert model.model.resnet.embedder.embedder.convolution.kernel_size == (kernel, kernel)


def test_group_norm_leaves_nothing_that_looks_at_other_samples(build):
    model = build("resnet", "image/classes", normalization="group")
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    assert list(model.buffers()) == []


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ({"widths": [8, 16], "depths": [1]}, r"model\.widths=\[8, 16\] and model\.depths=\[1\]"),
        ({"widths": [8, 0], "depths": [1, 1]}, r"model\.widths\[1\]=0 is not a whole number of at least 1"),
        ({"widths": [6], "depths": [1], "layer": "bottleneck"}, r"model\.widths\[0\]=6 is not divisible by 4"),
        ({"layer": "bottlneck"}, r"model\.layer=bottlneck is not one of basic, bottleneck"),
    ],
)
def test_stages_that_do_not_fit_are_refused(build, stages, message):
    with pytest.raises(ValueError, match=message):
        build("resnet", "image/classes", **stages)
