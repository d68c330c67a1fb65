"""A small convolutional network for images of any size.

Shapes: B batch, C channels, H and W pixels, K outputs.
"""

from __future__ import annotations

from torch import Tensor, nn

from models.checks import at_least, fraction

GROUP_CHANNELS = 8
"""Channels that share one mean and variance in a group norm."""


class CNN(nn.Module):
    """`depth` stages of two 3x3 convolutions; each but the first halves the image and doubles the width.

    Normalisation is by group (Wu and He 2018), never over the batch, so that a sample's output does not
    depend on which others a process holds.

    Raises:
        ValueError: a size below 1, `dropout` outside [0, 1), or more stages than the image can be halved.
    """

    def __init__(
        self, *, num_channels: int, image_size: int, num_outputs: int, width: int, depth: int, dropout: float
    ) -> None:
        super().__init__()
        at_least(1, num_channels=num_channels, image_size=image_size, num_outputs=num_outputs)
        at_least(1, width=width, depth=depth)
        fraction(dropout=dropout)
        if 2 ** (depth - 1) > image_size:
            raise ValueError(
                f"model.depth={depth} halves an image of {image_size} pixels below one pixel; "
                f"use model.depth={image_size.bit_length()} or less"
            )
        layers: list[nn.Module] = []
        channels = num_channels
        for stage in range(depth):
            layers += _convolution(channels, width << stage, stride=1 if stage == 0 else 2)
            channels = width << stage
            layers += _convolution(channels, channels, stride=1)
        self.features = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(channels, num_outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Images (B, C, H, W) to (B, K)."""
        features = self.features(inputs).mean(dim=(2, 3))  # (B, channels of the last stage)
        return self.head(self.dropout(features))


def group_norm(channels: int) -> nn.GroupNorm:
    """Norm over groups of `GROUP_CHANNELS` channels, or over all of them where those do not fill groups."""
    groups = channels // GROUP_CHANNELS if channels % GROUP_CHANNELS == 0 else 1
    return nn.GroupNorm(groups, channels)


def _convolution(in_channels: int, out_channels: int, *, stride: int) -> list[nn.Module]:
    convolution = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    return [convolution, group_norm(out_channels), nn.ReLU()]
