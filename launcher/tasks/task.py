"""What a task is: columns in, model arguments and targets out; a model's output in, a loss sum out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from torch import Tensor
    from torchmetrics import MetricCollection

    from launcher.data.loader import Batch


class Example(NamedTuple):
    """A micro batch as the model and the loss see it."""

    inputs: dict[str, Tensor]  # keyword arguments of the model
    targets: Tensor
    num_terms: int | Tensor
    """Terms of the loss sum: an int where each sample has as many as any other, else a tensor of shape ()."""


class Task(Protocol):
    """The contract; any class that has these four methods is a task.

    The loss is a sum over terms (tokens, samples or values). The step loop divides it once, by the number of terms
    in the global batch, so the result does not depend on how samples are spread over processes.
    """

    def example(self, batch: Batch) -> Example:
        """Split the columns of a batch into model arguments and targets."""
        ...

    def loss_sum(self, output: Tensor, targets: Tensor) -> Tensor:
        """The sum of the loss over all terms, of shape ()."""
        ...

    def metrics(self) -> MetricCollection:
        """Fresh metrics to be fed by `update`; the loss itself is always reported and is not among them."""
        ...

    def update(self, metrics: MetricCollection, output: Tensor, targets: Tensor, loss_sum: Tensor) -> Any:
        """Feed one batch to the metrics."""
        ...
