"""One affine map: logistic regression on classes, ordinary linear regression on values.

Shapes: B batch, F features, K outputs.
"""

from __future__ import annotations

from torch import Tensor, nn

from models.checks import at_least


class Linear(nn.Module):
    """Outputs that are weighted sums of the inputs; the baseline that a deeper model has to beat.

    Raises:
        ValueError: a size below 1.
    """

    def __init__(self, *, num_features: int, num_outputs: int) -> None:
        super().__init__()
        at_least(1, num_features=num_features, num_outputs=num_outputs)
        self.head = nn.Linear(num_features, num_outputs)
        # The problem is convex, so no symmetry has to be broken: the first loss is that of knowing nothing.
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, F), or images (B, C, H, W) with C * H * W = F, to (B, K)."""
        return self.head(inputs.flatten(1))
