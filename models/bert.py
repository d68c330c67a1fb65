"""BERT (Devlin et al. 2018), the implementation of transformers, with fresh weights.

Shapes: B batch, T time, V vocabulary, K outputs.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification

from models.checks import at_least, divisible, fraction, needed, one_of
from models.hf_plan import Wrapped
from models.logits import logits_of

HEADS = {
    "masked_tokens": BertForMaskedLM,
    "classes": BertForSequenceClassification,
    "values": BertForSequenceClassification,
}


class BERT(Wrapped):
    """An encoder with the head that `labels` needs; `model` is the wrapped class of transformers.

    `labels` is masked_tokens (the output is over `vocab_size`), classes or values (over `num_outputs`).

    Raises:
        ValueError: a size below 1, heads that do not divide the width, `dropout` outside [0, 1), labels
            that it has no head for, or `num_outputs` missing where the labels need it.
    """

    size_names: ClassVar = {"num_heads": "num_attention_heads"}  # the rest is a multiple of it

    def __init__(
        self,
        *,
        labels: str,
        vocab_size: int,
        num_outputs: int | None,
        sequence_length: int,
        width: int,
        num_layers: int,
        num_heads: int,
        dropout: float,
    ) -> None:
        super().__init__()
        one_of(HEADS, labels=labels)
        at_least(1, vocab_size=vocab_size, sequence_length=sequence_length, width=width)
        at_least(1, num_layers=num_layers, num_heads=num_heads)
        divisible(("width", width), by=("num_heads", num_heads))
        fraction(dropout=dropout)
        config = BertConfig(
            vocab_size=vocab_size,
            max_position_embeddings=sequence_length,
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=num_layers,
            num_attention_heads=num_heads,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
            # Padding is known from the mask; the published id 0 is an ordinary token of this vocabulary.
            pad_token_id=None,
        )
        if labels != "masked_tokens":
            config.num_labels = needed(labels=labels, num_outputs=num_outputs)
        self.model = HEADS[labels](config)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """(B, T) ids to logits (B, T, V), or (B, K) for classes and values.

        `attention_mask` (B, T) is 1 at real tokens.
        """
        return logits_of(self.model, input_ids=input_ids, attention_mask=attention_mask)
