"""Llama (Touvron et al. 2023), the implementation of transformers, with fresh weights.

Shapes: B batch, T time, V vocabulary.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from models.checks import at_least, divisible, fraction
from models.hf_plan import Wrapped
from models.logits import logits_of


class Llama(Wrapped):
    """A causal language model; `model` is the wrapped `LlamaForCausalLM`.

    `num_kv_heads` heads of keys and values are shared by `num_heads` heads of queries; `mlp_width` is the
    inner width of the feed-forward layers.

    Raises:
        ValueError: a size below 1, heads that do not divide the width or each other, heads of odd width,
            `dropout` outside [0, 1).
    """

    size_names: ClassVar = {
        "num_heads": "num_attention_heads",
        "num_kv_heads": "num_key_value_heads",
        "mlp_width": "intermediate_size",
        "vocab_size": "vocab_size",
    }

    def __init__(
        self,
        *,
        vocab_size: int,
        sequence_length: int,
        width: int,
        mlp_width: int,
        num_layers: int,
        num_heads: int,
        num_kv_heads: int,
        dropout: float,
    ) -> None:
        super().__init__()
        at_least(1, vocab_size=vocab_size, sequence_length=sequence_length, mlp_width=mlp_width, num_layers=num_layers)
        at_least(1, width=width, num_heads=num_heads, num_kv_heads=num_kv_heads)
        divisible(("width", width), by=("num_heads", num_heads))
        divisible(("num_heads", num_heads), by=("num_kv_heads", num_kv_heads))
        if width // num_heads % 2 != 0:
            raise ValueError(
                f"model.width={width} over model.num_heads={num_heads} makes heads of odd width, "
                f"which can't be rotated in pairs; use model.width={width + num_heads}"
            )
        fraction(dropout=dropout)
        config = LlamaConfig(
            vocab_size=vocab_size,
            max_position_embeddings=sequence_length,
            hidden_size=width,
            intermediate_size=mlp_width,
            num_hidden_layers=num_layers,
            num_attention_heads=num_heads,
            num_key_value_heads=num_kv_heads,
            attention_dropout=dropout,
            use_cache=False,
            # The published ids belong to the published vocabulary, not to this one.
            bos_token_id=None,
            eos_token_id=None,
        )
        self.model = LlamaForCausalLM(config)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """(B, T) ids to logits (B, T, V); `attention_mask` (B, T) is 1 at real tokens."""
        return logits_of(self.model, input_ids=input_ids, attention_mask=attention_mask)
