"""What was learnt since the last report: summed where it lies, rounded once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from launcher.errors import NonFiniteError
from launcher.parallel.accelerator import reduce_sums
from launcher.training.guard import describe_non_finite

if TYPE_CHECKING:
    from torch import Tensor

    from launcher.data.loader import Step
    from launcher.training.build import Assembly


class Window:
    """Sums since the last report. On a GPU they stay there, so that the loop does not wait for it.

    Sums are rounded once, at the end: when they were gathered, at a report or at a checkpoint, changes nothing.
    """

    def __init__(self, job: Assembly) -> None:
        self._job = job
        self._settled_losses, self._settled_terms = list(job.position.window_losses), job.position.window_terms
        self._last_step, self._last_norm = job.position.step, math.nan
        self._losses: list[Tensor] = []
        self._norms: list[Tensor] = []
        self._terms: float | Tensor = 0.0

    def add(self, step: Step, taken: tuple[Tensor, float | Tensor, Tensor] | None) -> None:
        """Add what `take_step` returned; a step that was skipped counts nothing."""
        if taken is None:
            return
        loss, terms, norm = taken
        self._losses.append(loss)
        self._norms.append(norm)
        self._terms = self._terms + terms
        self._last_step = step.index + 1
        self._job.meter.count(step.num_samples)

    def settle(self) -> tuple[list[float], float]:
        """The loss sum of each step since the last report and the terms of all, over all ranks.

        Raises:
            NonFiniteError: a loss or gradient is NaN or infinite.
        """
        if self._losses:
            losses, norms = torch.stack(self._losses), torch.stack(self._norms)
            if not self._job.skips_overflow:
                self._check(self._last_step - len(self._norms) + 1, losses, norms)
            *sums, terms = reduce_sums(self._job.accelerator, *losses, self._terms)
            self._settled_losses += sums
            self._settled_terms += terms
            self._last_norm = norms[-1].item()
            self._losses, self._norms, self._terms = [], [], 0.0
        return self._settled_losses, self._settled_terms

    def report(self, step: Step, learning_rate: float) -> None:
        """Reduce over ranks, check, and send to the terminal and the tracker."""
        job, done = self._job, step.index + 1
        losses, terms = self.settle()
        if not losses:  # all were skipped
            return
        values: dict[str, Any] = {
            "loss": math.fsum(losses) / max(terms, 1.0),
            "learning_rate": learning_rate,
            "gradient_norm": self._last_norm,
            **job.model.balance.read(),
            **job.meter.read(),
        }
        tokens = {} if job.meter.tokens_per_sample is None else {"tokens": step.num_seen * job.meter.tokens_per_sample}
        job.report("step", step=done, epoch=step.epoch, num_steps=job.num_steps, **tokens, **values)
        job.accelerator.log(
            {f"train/{name}": value for name, value in values.items()} | {"epoch": step.epoch}, step=done
        )
        self._settled_losses, self._settled_terms = [], 0.0

    def _check(self, first_step: int, losses: Tensor, norms: Tensor) -> None:
        bad = (~torch.isfinite(losses) | ~torch.isfinite(norms)).nonzero()
        if len(bad):
            index = int(bad[0])
            raise NonFiniteError(describe_non_finite(self._job, first_step + index, losses[index]))
