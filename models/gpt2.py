"""GPT-2 (Radford et al. 2019), the implementation of transformers, with fresh weights.

Shapes: B batch, T time, V vocabulary.
"""

from __future__ import annotations

from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from models.checks import at_least, fraction, one_of
from models.hf_plan import Wrapped
from models.logits import logits_of

SIZES = {
    "tiny": {"n_embd": 64, "n_layer": 2, "n_head": 2},
    "small": {"n_embd": 768, "n_layer": 12, "n_head": 12},
    "medium": {"n_embd": 1024, "n_layer": 24, "n_head": 16},
    "large": {"n_embd": 1280, "n_layer": 36, "n_head": 20},
    "xl": {"n_embd": 1600, "n_layer": 48, "n_head": 25},
}
"""The four published sizes, and one for trying things out."""


class GPT2(Wrapped):
    """A causal language model; `model` is the wrapped `GPT2LMHeadModel`.

    Raises:
        ValueError: an unknown `size`, a vocabulary or length below 1, `dropout` outside [0, 1).
    """

    def __init__(self, *, size: str, vocab_size: int, sequence_length: int, dropout: float) -> None:
        super().__init__()
        one_of(SIZES, size=size)
        at_least(1, vocab_size=vocab_size, sequence_length=sequence_length)
        fraction(dropout=dropout)
        config = GPT2Config(
            **SIZES[size],
            vocab_size=vocab_size,
            n_positions=sequence_length,
            embd_pdrop=dropout,
            resid_pdrop=dropout,
            attn_pdrop=dropout,
            use_cache=False,
            # The published ids belong to the published vocabulary, not to this one.
            bos_token_id=None,
            eos_token_id=None,
        )
        self.model = GPT2LMHeadModel(config)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """(B, T) ids to logits (B, T, V); `attention_mask` (B, T) is 1 at real tokens."""
        return logits_of(self.model, input_ids=input_ids, attention_mask=attention_mask)
