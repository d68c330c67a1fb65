"""From prepared columns to the arguments that models take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

IGNORED = -100
"""A target that is no term of the loss, as `torch.nn.functional.cross_entropy` ignores it."""


def model_inputs(columns: dict[str, Tensor]) -> dict[str, Tensor]:
    """`inputs` for tables and images; `input_ids` (B, T), and `attention_mask` where rows are padded, for text."""
    if "tokens" not in columns:
        return {"inputs": columns["inputs"]}
    tokens = columns["tokens"].long()
    if "length" not in columns:
        return {"input_ids": tokens}
    return {"input_ids": tokens, "attention_mask": real_positions(columns["length"], tokens.shape[1])}


def real_positions(length: Tensor, width: int) -> Tensor:
    """(B, width) mask of the positions before each row's length."""
    return torch.arange(width, device=length.device)[None, :] < length[:, None]
