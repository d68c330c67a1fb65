"""Activation checkpointing: what is computed again in the backward pass instead of being kept (Chen et al. 2016)."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

aten = torch.ops.aten
_EXPENSIVE = {
    aten.mm.default,
    aten.bmm.default,
    aten.addmm.default,
    aten._scaled_dot_product_flash_attention.default,
    aten._scaled_dot_product_flash_attention_for_cpu.default,
    aten._scaled_dot_product_efficient_attention.default,
    aten._scaled_dot_product_cudnn_attention.default,
    torch.ops._c10d_functional.reduce_scatter_tensor.default,
    torch.ops._c10d_functional.all_to_all_single.default,
}
"""Results worth their memory: matrix products, attention, and what has been sent."""


def checkpoint_blocks(blocks: list[nn.Module], *, method: str, every: int) -> None:
    """Recompute every `every`-th block, whole (`full`) or but for expensive operations (`selective`).

    Names of parameters stay as they are.
    """
    options: dict[str, Any] = {"context_fn": selective} if method == "selective" else {}
    for block in blocks[::every]:
        again = partial(checkpoint, block.forward, use_reentrant=False, **options)
        block.forward = again


def selective() -> tuple[Any, Any]:
    """Contexts in which results of expensive operations are kept."""

    def policy(_: Any, operation: Any, *args: Any, **kwargs: Any) -> CheckpointPolicy:
        keep = operation in _EXPENSIVE
        return CheckpointPolicy.MUST_SAVE if keep else CheckpointPolicy.PREFER_RECOMPUTE

    return create_selective_checkpoint_contexts(policy)
