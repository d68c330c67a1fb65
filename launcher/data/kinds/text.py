"""Text: tokens, packed into rows of one length or one document a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from launcher.data.manifest import ColumnSpec
from launcher.data.packing import Packer, pad
from launcher.data.rows import texts
from launcher.data.tokens import Tokens, load_tokenizer
from launcher.errors import DataError


class TextInputs:
    """A column of text to `tokens`, and `length` where rows are padded.

    T tokens a row; T + 1 for next tokens, which are inputs and targets at once.
    """

    def __init__(self, fitted: dict[str, Any]) -> None:
        self.column: str = fitted["column"]
        self.labels: str = fitted["labels"]
        self.packing: bool = fitted["packing"]
        self._tokenizer = fitted["tokenizer"]
        self.tokenizer = load_tokenizer(self._tokenizer)
        self.stride: int = fitted["sequence_length"]
        self.width = self.stride + 1 if self.labels == "next_tokens" else self.stride
        self.dtype = np.min_scalar_type(self._tokenizer["vocab_size"] - 1).name
        self.specs = {"tokens": ColumnSpec(dtype=self.dtype, shape=(self.width,))}
        if not self.packing:
            self.specs["length"] = ColumnSpec(dtype="int32", shape=())
        self.sizes = {"vocab_size": self._tokenizer["vocab_size"], "sequence_length": self.stride}
        if self.labels == "masked_tokens":
            self.sizes |= {name: self._tokenizer[name] for name in ("pad_token_id", "mask_token_id")}

    def encode(self, table: pa.Table, tally: Counter[str]) -> dict[str, NDArray]:
        """One document a row, cut or padded; `tally` counts tokens, bytes, and what was cut or left out."""
        documents = self._tokenize(table, tally)
        if self.labels == "next_tokens":  # one token alone predicts nothing
            tally["short"] += sum(len(document) < 2 for document in documents)
            documents = [document for document in documents if len(document) >= 2]
        tally["cut"] += sum(len(document) > self.width for document in documents)
        pad_token_id = self._tokenizer["pad_token_id"]
        tokens, length = pad(documents, width=self.width, pad_token_id=pad_token_id, dtype=self.dtype)
        return {"tokens": tokens, "length": length}

    def pack(self, tables: Iterable[pa.Table], tally: Counter[str]) -> Iterator[dict[str, NDArray]]:
        """Documents joined over all tables and cut; the last incomplete row is left out and counted as `left`."""
        packer = Packer(width=self.width, stride=self.stride, dtype=self.dtype)
        for table in tables:
            yield {"tokens": packer.add(self._tokenize(table, tally))}
        tally["left"] += packer.num_left

    def decode(self, tokens: Iterable[int]) -> str:
        """Text of token ids."""
        return self.tokenizer.decode(list(tokens))

    def _tokenize(self, table: pa.Table, tally: Counter[str]) -> list[Tokens]:
        strings = texts(table.column(self.column)).to_pylist()
        if None in strings:
            raise DataError(f"column {self.column!r} has a missing text in row {strings.index(None) + 1}")
        documents = self.tokenizer.encode(strings)
        tally["tokens"] += sum(map(len, documents))
        tally["bytes"] += self._num_bytes(strings, documents)
        return documents

    def _num_bytes(self, strings: list[str], documents: list[Tokens]) -> int:
        """Bytes that the tokens stand for; the newlines that separate documents count where they are tokens."""
        if self._tokenizer["name"] == "bytes":
            return sum(map(len, documents))
        return sum(len(string.encode(errors="replace")) for string in strings)
