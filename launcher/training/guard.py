"""What happens to a step whose gradient is not finite or whose loss jumps: stop, skip it, or go back."""

from __future__ import annotations

import math
import statistics
from collections import deque
from typing import TYPE_CHECKING

import torch

from launcher.errors import NonFiniteError
from launcher.parallel.accelerator import reduce_sums

if TYPE_CHECKING:
    from torch import Tensor

    from launcher.data.loader import Step
    from launcher.training.build import Assembly

REMEMBERED = 64
"""Steps whose median loss is the usual one."""
NEEDED = 16


class RollBack(Exception):  # noqa: N818 - an order, not an error
    """Go back to the last checkpoint, and on behind step `step` (which is counted from 1)."""

    def __init__(self, step: int, why: str) -> None:
        super().__init__(why)
        self.step, self.why = step, why


class Guard:
    """Judges each step before the optimizer takes it; every process comes to the same verdict."""

    def __init__(self, job: Assembly) -> None:
        self._job, self._config = job, job.config.trainer
        self._losses: deque[float] = deque(job.position.recent_losses, maxlen=REMEMBERED)
        self.num_skipped = job.position.skipped_steps

    @property
    def recent_losses(self) -> list[float]:
        """Mean losses of the last steps, oldest first; empty unless spikes are looked for."""
        return list(self._losses)

    def accepts(self, step: Step, loss: Tensor, terms: float | Tensor, norm: Tensor) -> bool:
        """Whether the optimizer may take the step; the policy `trainer.on_non_finite` decides what else happens.

        Raises:
            NonFiniteError: the policy is to stop, or too many steps were skipped.
            RollBack: the policy is to go back.
        """
        why = self._trouble(step.index + 1, loss, terms, norm)
        if why is None:
            return True
        policy, limit = self._config.on_non_finite, self._config.max_skipped_steps
        if policy == "stop":
            raise NonFiniteError(why)
        self.num_skipped += 1
        if self.num_skipped > limit:
            raise NonFiniteError(f"{why}, and trainer.max_skipped_steps={limit} were skipped before")
        if policy == "rollback":
            raise RollBack(step.index + 1, why)
        self._job.warn(f"{why}; its batch is skipped ({self.num_skipped} of at most {limit})")
        return False

    def _trouble(self, step: int, loss: Tensor, terms: float | Tensor, norm: Tensor) -> str | None:
        """What is wrong with a step. The norm is the whole gradient's, the same everywhere; the loss is a part.

        A loss may be infinite and its gradient finite: where the policy is to stop, the next report sees that.
        """
        if not math.isfinite(norm.item()):
            return describe_non_finite(self._job, step, loss)
        factor = self._config.spike_factor
        if factor is None and self._config.on_non_finite == "stop":
            return None
        total, count = reduce_sums(self._job.accelerator, loss, terms)
        mean = total / max(count, 1.0)
        if not math.isfinite(mean):
            return f"the loss became non-finite at step {step}"
        if factor is None:
            return None
        usual = statistics.median(self._losses) if len(self._losses) >= NEEDED else None
        if usual is not None and mean > factor * usual:
            limit = f"trainer.spike_factor={factor:g} times the usual {usual:.4g}"
            return f"the loss of step {step} is {mean:.4g}, more than {limit}"
        self._losses.append(mean)
        return None


def describe_non_finite(job: Assembly, step: int, loss: Tensor) -> str:
    """The step, what is not finite, and the first parameter with a bad gradient or value."""
    bad = [
        name
        for name, value, gradient in job.model.named_local()
        if not (torch.isfinite(value).all() and (gradient is None or torch.isfinite(gradient).all()))
    ]
    where = f"; the first parameter with a non-finite gradient or value is {bad[0]}" if bad else ""
    what = "loss" if not torch.isfinite(loss) else "gradient"
    return f"the {what} became non-finite at step {step}{where}"
