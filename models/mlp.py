"""A multilayer perceptron for tables and, flattened, for small images.

Shapes: B batch, F features, D width, K outputs.
"""

from __future__ import annotations

from torch import Tensor, nn

from models.checks import at_least, fraction, one_of

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}


class MLP(nn.Module):
    """`depth` hidden layers of `width` units, each a linear map, layer norm, activation and dropout.

    Raises:
        ValueError: a size below 1, `dropout` outside [0, 1) or an unknown `activation`.
    """

    def __init__(
        self, *, num_features: int, num_outputs: int, width: int, depth: int, dropout: float, activation: str
    ) -> None:
        super().__init__()
        at_least(1, num_features=num_features, num_outputs=num_outputs, width=width, depth=depth)
        fraction(dropout=dropout)
        one_of(ACTIVATIONS, activation=activation)
        layers: list[nn.Module] = []
        for layer in range(depth):
            layers += [
                nn.Linear(num_features if layer == 0 else width, width),
                nn.LayerNorm(width),
                ACTIVATIONS[activation](),
                nn.Dropout(dropout),
            ]
        self.hidden = nn.Sequential(*layers)
        self.head = nn.Linear(width, num_outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, F), or images (B, C, H, W) with C * H * W = F, to (B, K)."""
        return self.head(self.hidden(inputs.flatten(1)))  # (B, F) -> (B, D) -> (B, K)
