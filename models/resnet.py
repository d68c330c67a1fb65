"""ResNet (He et al. 2015), the implementation of transformers, with fresh weights.

Shapes: B batch, C channels, H and W pixels, K outputs.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from transformers import ResNetConfig, ResNetForImageClassification

from models.checks import at_least, one_of
from models.cnn import group_norm
from models.hf_plan import Wrapped

SMALL_IMAGE = 64
"""Pixels a side below which the standard stem, which quarters the image, throws too much away."""


class ResNet(Wrapped):
    """A residual network of one stage a width; `model` is the wrapped `ResNetForImageClassification`.

    `layer` is basic or bottleneck; `stem` is standard (a 7x7 convolution and pooling, together a quarter of
    the pixels a side), small (one 3x3 convolution at full size) or auto, by the image; `normalization` is
    group or batch.

    Raises:
        ValueError: a size below 1, an unknown `layer`, `stem` or `normalization`, not as many widths as
            depths, or a bottleneck that can't quarter a width.
    """

    def __init__(
        self,
        *,
        num_channels: int,
        image_size: int,
        num_outputs: int,
        stem: str,
        widths: Sequence[int],
        depths: Sequence[int],
        layer: str,
        normalization: str,
    ) -> None:
        super().__init__()
        at_least(1, num_channels=num_channels, image_size=image_size, num_outputs=num_outputs)
        one_of(("auto", "small", "standard"), stem=stem)
        one_of(("basic", "bottleneck"), layer=layer)
        one_of(("group", "batch"), normalization=normalization)
        _check_stages(widths, depths, layer)
        config = ResNetConfig(
            num_channels=num_channels,
            num_labels=num_outputs,
            # As published: a bottleneck's first stage is four times as wide as the stem.
            embedding_size=widths[0] // 4 if layer == "bottleneck" else widths[0],
            hidden_sizes=list(widths),
            depths=list(depths),
            layer_type=layer,
        )
        self.model = ResNetForImageClassification(config)
        if stem == "small" or (stem == "auto" and image_size < SMALL_IMAGE):
            _shrink_stem(self.model)
        if normalization == "group":
            _normalize_by_group(self.model)

    def forward(self, inputs: Tensor) -> Tensor:
        """Images (B, C, H, W) to (B, K)."""
        return self.model(pixel_values=inputs).logits


def _check_stages(widths: Sequence[int], depths: Sequence[int], layer: str) -> None:
    if len(widths) != len(depths) or not widths:
        raise ValueError(
            f"model.widths={list(widths)} and model.depths={list(depths)} need one number a stage each; "
            f"use model.widths=[32,64,128] model.depths=[2,2,2]"
        )
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        at_least(1, **{f"widths[{stage}]": width, f"depths[{stage}]": depth})
        if layer == "bottleneck" and width % 4 != 0:
            raise ValueError(
                f"model.widths[{stage}]={width} is not divisible by 4, as model.layer=bottleneck needs; "
                f"use {-(-width // 4) * 4} or model.layer=basic"
            )


def _shrink_stem(model: ResNetForImageClassification) -> None:
    """Swap the stem for one 3x3 convolution without pooling, as the paper does for CIFAR (section 4.2)."""
    stem = model.resnet.embedder
    small = nn.Conv2d(model.config.num_channels, model.config.embedding_size, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(small.weight, mode="fan_out", nonlinearity="relu")
    stem.embedder.convolution = small
    stem.pooler = nn.Identity()


def _normalize_by_group(model: ResNetForImageClassification) -> None:
    """Swap every batch norm for a group norm, under the same parameter names."""
    for module in list(model.modules()):
        if isinstance(getattr(module, "normalization", None), nn.BatchNorm2d):
            module.normalization = group_norm(module.normalization.num_features)
