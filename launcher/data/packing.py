"""Documents to rows of one length: joined and cut, or one a row and padded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from launcher.data.tokens import Tokens


class Packer:
    """Joins documents and cuts the stream into rows of `width` tokens, a row every `stride` tokens.

    With `width = stride + 1` consecutive rows share one token: it is the last target of one row and the first input
    of the next, so every token but the first of the stream is predicted exactly once.
    """

    def __init__(self, *, width: int, stride: int, dtype: str) -> None:
        self.width = width
        self.stride = stride
        self.dtype = dtype
        self._waiting = np.empty(0, dtype=dtype)

    def add(self, documents: Sequence[Tokens]) -> NDArray:
        """The rows (rows, width) that are complete now; what is left waits for more."""
        stream = np.concatenate([self._waiting, *documents], dtype=self.dtype, casting="unsafe")
        num_rows = max(0, (len(stream) - self.width + self.stride) // self.stride)
        self._waiting = stream[num_rows * self.stride :]
        if num_rows == 0:
            return np.empty((0, self.width), dtype=self.dtype)
        return np.lib.stride_tricks.sliding_window_view(stream, self.width)[:: self.stride][:num_rows]

    @property
    def num_left(self) -> int:
        """Tokens at the end of the stream that are in no row."""
        return max(0, len(self._waiting) - (self.width - self.stride))


def pad(documents: Sequence[Tokens], *, width: int, pad_token_id: int, dtype: str) -> tuple[NDArray, NDArray[np.int32]]:
    """One document a row, cut or padded: tokens (rows, width) and lengths (rows,)."""
    lengths = np.array([min(len(document), width) for document in documents], dtype=np.int32)
    rows = np.full((len(documents), width), pad_token_id, dtype=dtype)
    for row, document, length in zip(rows, documents, lengths, strict=True):
        row[:length] = document[:length]
    return rows, lengths
