"""A long short-term memory network over tokens (Hochreiter and Schmidhuber 1997).

Shapes: B batch, T time, V vocabulary, D width, K outputs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.checks import at_least, fraction, needed, one_of


class LSTM(nn.Module):
    """Stacked layers that read from left to right; the head sees each state, or their mean over a row.

    `labels` is next_tokens (the output is over `vocab_size`), classes or values (over `num_outputs`).

    Raises:
        ValueError: a size below 1, `dropout` outside [0, 1), labels that it has no head for, or
            `num_outputs` missing where the labels need it.
    """

    def __init__(
        self,
        *,
        labels: str,
        vocab_size: int,
        num_outputs: int | None,
        width: int,
        num_layers: int,
        dropout: float,
    ) -> None:
        super().__init__()
        one_of(("next_tokens", "classes", "values"), labels=labels)
        at_least(1, vocab_size=vocab_size, width=width, num_layers=num_layers)
        fraction(dropout=dropout)
        self.by_token = labels == "next_tokens"
        outputs = vocab_size if self.by_token else needed(labels=labels, num_outputs=num_outputs)
        self.embedding = nn.Embedding(vocab_size, width)
        # torch drops out between layers and warns where there is only one.
        between = dropout if num_layers > 1 else 0.0
        self.lstm = nn.LSTM(width, width, num_layers=num_layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, outputs)
        self._open_forget_gates(width)

    @torch.no_grad()
    def _open_forget_gates(self, width: int) -> None:
        """Start by remembering: a bias of 1 on the forget gates (Jozefowicz et al. 2015)."""
        for name, parameter in self.lstm.named_parameters():
            if name.startswith("bias_ih"):
                parameter[width : 2 * width].fill_(1.0)  # torch orders the gates input, forget, cell, output

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """(B, T) ids to logits (B, T, V), or (B, K) for classes and values.

        `attention_mask` (B, T) is 1 at real tokens, which stand before the padding.
        """
        states, _ = self.lstm(self.embedding(input_ids))  # (B, T, D)
        if not self.by_token:
            states = _mean_over_time(states, attention_mask)  # (B, D)
        return self.head(self.dropout(states))


def _mean_over_time(states: Tensor, attention_mask: Tensor | None) -> Tensor:
    """(B, T, D) to the mean over real positions (B, D)."""
    if attention_mask is None:
        return states.mean(dim=1)
    real = attention_mask.to(states.dtype).unsqueeze(-1)  # (B, T, 1)
    return (states * real).sum(dim=1) / real.sum(dim=1).clamp(min=1)
