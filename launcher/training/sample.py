"""A few words that the model writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@torch.no_grad()
def continue_tokens(
    logits_of: Callable[..., Tensor],
    prompt: Tensor,
    *,
    num_tokens: int,
    max_context: int,
    temperature: float,
    seed: int,
) -> Tensor:
    """Sample `num_tokens` after a prompt (T,); returns prompt and continuation (T + num_tokens,)."""
    generator = torch.Generator().manual_seed(seed)
    tokens = prompt
    for _ in range(num_tokens):
        logits = logits_of(input_ids=tokens[None, -max_context:])[0, -1].float().cpu()
        probabilities = torch.softmax(logits / temperature, dim=-1)
        drawn = torch.multinomial(probabilities, 1, generator=generator)
        tokens = torch.cat([tokens, drawn.to(tokens.device)])
    return tokens
