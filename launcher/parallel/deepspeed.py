"""DeepSpeed's ZeRO (Rajbhandari et al. 2020) through Accelerate's plugin: its engine clips and steps by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DeepSpeedPlugin
from torch import Tensor, nn
from torch.optim import Optimizer

from launcher.config.schema import Config
from launcher.parallel.plan import Plan
from launcher.parallel.spread import LossSum, Micro, Spread, counted


def make_plugin(config: Config, plan: Plan) -> DeepSpeedPlugin | None:
    """What Accelerate needs to know before it joins the group; None without `strategy.zero_stage`."""
    if config.strategy.zero_stage is None:
        return None
    host = "cpu" if config.strategy.cpu_offload else "none"
    plugin = DeepSpeedPlugin(
        zero_stage=config.strategy.zero_stage,
        gradient_accumulation_steps=plan.accumulation,
        gradient_clipping=config.trainer.gradient_clip_norm,
        offload_optimizer_device=host,
        offload_param_device=host if config.strategy.zero_stage == 3 else "none",
        zero3_init_flag=False,
    )
    plugin.deepspeed_config["train_micro_batch_size_per_gpu"] = plan.micro_batch_size
    return plugin


class DeepSpeedModel(Spread):
    """A model inside DeepSpeed's engine."""

    def __init__(self, accelerator: Accelerator, *, accumulation: int, **common: Any) -> None:
        super().__init__(**common)
        self._accelerator, self._accumulation = accelerator, accumulation
        self._model: nn.Module = self.whole

    def take(self, optimizer: Optimizer) -> Optimizer:
        self._model, stepper = self._accelerator.prepare(self.whole, optimizer)
        return stepper

    def accumulate(self, micros: list[Micro], loss_sum: LossSum, scale: float | Tensor) -> Tensor:
        # The engine averages over processes and over the micro batches of a step.
        scale = self.mesh.axes.num_gradients * self._accumulation * scale
        losses = []
        for index, (inputs, targets, weight) in enumerate(micros):
            loss = loss_sum(self._model(**inputs), targets)
            is_last = index + 1 == len(micros)
            self._accelerator.deepspeed_engine_wrapped.backward(loss * (scale * weight), sync_gradients=is_last)
            losses.append(loss.detach() if weight else torch.zeros_like(loss))
        return counted(self.mesh, losses)

    def outputs(self, micros: Iterable[Micro]) -> Iterator[tuple[Micro, Tensor | None]]:
        for micro in micros:
            output = self._model(**micro.inputs)
            yield micro, output if micro.weight else None

    def clip(self, limit: float | None) -> Tensor:
        norm = self._accelerator.deepspeed_engine_wrapped.get_global_grad_norm()
        return torch.tensor(0.0 if norm is None else norm, device=self.mesh.device)

    def tensors(self, *, gradients: bool = False) -> Iterator[tuple[str, Tensor | None]]:
        assert not gradients, "the engine keeps them to itself"
        state = self._accelerator.get_state_dict(self._model)  # whole on process 0
        for name in self.layout():
            yield name, state[name] if self.mesh.rank == 0 else None
