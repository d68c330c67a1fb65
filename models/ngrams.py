"""What stood just before each token, looked up rather than computed.

Legend: B batch, T time, O orders, D width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.checks import at_least

MULTIPLIER = 1_000_003
MODULUS = 2**31 - 1


class NgramEmbedding(nn.Module):
    """Embeds the n-grams that end in each token from a table of hashed rows: many parameters, little arithmetic.

    Hash n-gram embeddings of the Byte Latent Transformer (Pagnoni et al. 2024, section 3.2.1). Each of `orders`
    has `num_buckets` rows of its own. A shard of a sequence must be given the tokens that stand before it.

    Raises:
        ValueError: an order below 2, or a size below 1.
    """

    def __init__(self, width: int, *, orders: Sequence[int], num_buckets: int, row_width: int) -> None:
        super().__init__()
        for order in orders:
            at_least(2, ngram_orders=order)
        at_least(1, ngram_buckets=num_buckets, ngram_width=row_width)
        self.orders, self.num_buckets = tuple(orders), num_buckets
        self.table = nn.Embedding(len(self.orders) * num_buckets, row_width)
        self.up = nn.Linear(len(self.orders) * row_width, width, bias=False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """(B, T) ids and an optional (B, T) mask, 1 = real -> (B, T, D)."""
        return self.up(self.table(self.rows(input_ids, attention_mask)).flatten(-2))

    def rows(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """The row of the table for each token and order, (B, T, O); padding reads as what stands before the text."""
        keys = input_ids + 1  # 0 stands before the text
        if attention_mask is not None:
            keys = keys * attention_mask.bool()
        hashed, rows = keys, []
        for order in range(2, max(self.orders) + 1):
            older = F.pad(keys, (order - 1, 0))[:, : keys.shape[1]]
            hashed = hashed + older * pow(MULTIPLIER, order - 1, MODULUS)
            if order in self.orders:
                # The low bits of a sum of products hardly depend on its high bits: fold those in.
                rows.append((hashed ^ (hashed >> 15)) % self.num_buckets)
        offsets = torch.arange(len(rows), device=input_ids.device) * self.num_buckets
        return torch.stack(rows, dim=-1) + offsets
