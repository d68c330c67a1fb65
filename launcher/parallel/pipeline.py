"""A model cut into stages through which micro batches flow, by the schedules of torch.distributed.pipelining."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.pipelining import PipelineStage
from torch.distributed.pipelining.schedules import PipelineScheduleMulti, get_schedule_class

from launcher.parallel.spread import LossSum, Micro, Spread, counted, plain

CLASSES = {
    "gpipe": "GPipe",
    "1f1b": "1F1B",
    "looped_bfs": "LoopedBFS",
    "interleaved_1f1b": "Interleaved1F1B",
    "interleaved_zero_bubble": "InterleavedZeroBubble",
    "zbv_zero_bubble": "ZBVZeroBubble",
    "dualpipev": "DualPipeV",
}
ROW_WEIGHTS = "row_weights"


class Pipeline(Spread):
    """The micro batches that are accumulated are those of the pipeline, each of `rows` samples.

    Stages exchange tensors of one shape, so a smaller micro batch is filled up with rows that count nothing.
    """

    def __init__(
        self, indices: list[int], *, num_stages: int, schedule: str, num_micros: int, rows: int, **common: Any
    ) -> None:
        super().__init__(**common)
        self._num_micros, self._rows = num_micros, rows
        self._has_first, self._has_last = 0 in indices, num_stages - 1 in indices
        self._micros: list[Micro] = []
        self._scale: float | Tensor = 0.0
        self._loss_sum: LossSum = lambda output, targets: output.sum()
        self._losses: dict[int, Tensor] = {}
        self._outputs: dict[int, Tensor] = {}
        for part in self.parts:
            part.register_forward_pre_hook(self._take_row_weights, with_kwargs=True, prepend=True)
        group = self.mesh.group("pp")
        stages: list[Any] = [
            Stage(part, index, num_stages, self.mesh.device, group=group)
            for part, index in zip(self.parts, indices, strict=True)
        ]
        kind: Any = get_schedule_class(CLASSES[schedule])
        several = issubclass(kind, PipelineScheduleMulti)
        self._schedule = kind(stages if several else stages[0], num_micros, loss_fn=self._loss, scale_grads=False)

    def accumulate(self, micros: list[Micro], loss_sum: LossSum, scale: float | Tensor) -> Tensor:
        self._loss_sum, self._scale = loss_sum, self.mesh.axes.num_gradients * scale
        self._losses = {}
        with self._around_loss():
            self._run(self._schedule.step, micros)
        return counted(self.mesh, list(self._losses.values()))

    def outputs(self, micros: Iterable[Micro]) -> Iterator[tuple[Micro, Tensor | None]]:
        remaining = iter(micros)
        while group := list(islice(remaining, self._num_micros)):
            self._outputs = {}
            self._run(self._schedule.eval, group)
            for index, micro in enumerate(group):
                # Every process of the last stage must take part in gathering logits that are split.
                output = plain(self._outputs[index]) if index in self._outputs else None
                yield self._own_targets(micro), output if self.mesh.counts and micro.weight else None
        self._outputs = {}

    def _run(self, call: Any, micros: list[Micro]) -> None:
        missing = self._num_micros - len(micros)
        self._micros = micros + [micros[0]._replace(weight=0.0)] * missing
        padded = [self._padded(micro) for micro in self._micros]
        first, *others = padded[0]
        arguments = [torch.cat([inputs[first] for inputs in padded])] if self._has_first else []
        keywords = {name: torch.cat([inputs[name] for inputs in padded]) for name in others}
        # The schedule hands each micro batch's targets to the loss: their number stands for them.
        numbers = torch.arange(self._num_micros) if self._has_last else None
        call(*arguments, target=numbers, return_outputs=False, **keywords)

    def _padded(self, micro: Micro) -> dict[str, Tensor]:
        """Inputs of exactly `rows` rows, and the weight of each row in the gradient where a module asks for it."""
        real = len(micro.targets)
        inputs = {name: _filled(x, self._rows) for name, x in micro.inputs.items()}
        if self.balance:
            weights = torch.zeros(self._rows, device=self.mesh.device)
            weights[:real] = self._scale * micro.weight
            inputs[ROW_WEIGHTS] = weights
        return inputs

    def _loss(self, output: Tensor, number: Tensor) -> Tensor:
        index = int(number)
        micro = self._own_targets(self._micros[index])
        output = output[: len(micro.targets)]
        if not torch.is_grad_enabled():
            self._outputs[index] = output
            return output.new_zeros(())
        loss = plain(self._loss_sum(output, micro.targets))
        if micro.weight:
            self._losses[index] = loss.detach()
        return loss * (self._scale * micro.weight)

    def _take_row_weights(self, _: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        weights = kwargs.pop(ROW_WEIGHTS, None)
        self.balance.set(weights if torch.is_grad_enabled() else None)
        return args, kwargs


class Stage(PipelineStage):
    """A stage that can be evaluated next to its neighbour: torch hands gradients on there even if none are computed."""

    def get_local_bwd_output(self, mb_index: int) -> Any:
        """Gradients of a micro batch's inputs, for the stage before on this process."""
        return super().get_local_bwd_output(mb_index) if self.has_backward else ()

    def set_local_bwd_input(self, next_stage_bwd_outputs: Any, mb_index: int) -> None:
        """Take gradients of a micro batch's outputs from the stage after on this process."""
        if self.has_backward:
            super().set_local_bwd_input(next_stage_bwd_outputs, mb_index)


def _filled(x: Tensor, rows: int) -> Tensor:
    return x if len(x) == rows else torch.cat([x, x[:1].expand(rows - len(x), *x.shape[1:])])
