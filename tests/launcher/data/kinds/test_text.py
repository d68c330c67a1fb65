"""Text becomes rows of one length, and what is cut or left out is counted."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from launcher.data.kinds.text import TextInputs
from launcher.data.tokens import fit_tokenizer
from launcher.errors import DataError


def inputs(labels: str, *, packing: bool, sequence_length: int = 4, tokenizer: str = "bytes") -> TextInputs:
    spec = fit_tokenizer(tokenizer, [["abc abc"]], labels=labels, vocab_size=260)
    fitted = {"column": "text", "labels": labels, "tokenizer": spec, "packing": packing}
    return TextInputs({**fitted, "sequence_length": sequence_length})


def packed(texts: TextInputs, *documents: list[str]) -> tuple[NDArray[Any], Counter[str]]:
    tally = Counter[str]()
    tables = [pa.table({"text": pa.array(part, pa.string())}) for part in documents]
    return np.concatenate([columns["tokens"] for columns in texts.pack(tables, tally)]), tally


def test_documents_are_joined_by_newlines() -> None:
    rows, tally = packed(inputs("next_tokens", packing=True), ["ab", "cd"], ["efgh"])
    assert [bytes(row) for row in rows] == [b"ab\ncd", b"d\nefg"]
    assert tally == {"tokens": 11, "bytes": 11, "left": 2}


def test_rows_of_masked_models_do_not_overlap() -> None:
    rows, _ = packed(inputs("masked_tokens", packing=True), ["ab", "cd", "efg"])
    assert [bytes(row.astype(np.uint8)) for row in rows] == [b"ab\nc", b"d\nef"]


@pytest.mark.parametrize(
    ("labels", "tokenizer", "dtype"),
    [("next_tokens", "bytes", "uint8"), ("masked_tokens", "bytes", "uint16"), ("next_tokens", "bpe", "uint16")],
)
def test_tokens_take_no_more_room_than_they_need(labels: str, tokenizer: str, dtype: str) -> None:
    assert inputs(labels, packing=True, tokenizer=tokenizer).specs["tokens"].dtype == dtype


def test_one_document_a_row_is_cut_or_padded() -> None:
    tally = Counter[str]()
    columns = inputs("next_tokens", packing=False).encode(pa.table({"text": ["a", "abcdefgh", ""]}), tally)
    np.testing.assert_array_equal(columns["tokens"], [list(b"a\n\0\0\0"), list(b"abcde")])
    np.testing.assert_array_equal(columns["length"], [2, 5])
    assert (tally["short"], tally["cut"]) == (1, 1)


def test_classified_texts_keep_their_rows_and_get_no_separator() -> None:
    columns = inputs("classes", packing=False).encode(pa.table({"text": ["a", "abcdefgh"]}), Counter())
    np.testing.assert_array_equal(columns["tokens"], [list(b"a\0\0\0"), list(b"abcd")])


def test_bytes_of_other_tokenizers_are_those_of_the_text() -> None:
    _, tally = packed(inputs("next_tokens", packing=True, tokenizer="bpe"), ["naïve", "abc"])
    assert tally["bytes"] == len("naïveabc".encode())


def test_sizes_name_the_tokens_that_masking_needs() -> None:
    assert inputs("masked_tokens", packing=True).sizes == {
        "vocab_size": 258,
        "sequence_length": 4,
        "pad_token_id": 256,
        "mask_token_id": 257,
    }


def test_a_missing_text_is_named() -> None:
    with pytest.raises(DataError, match="column 'text' has a missing text in row 2"):
        packed(inputs("next_tokens", packing=True), ["a", None])  # type: ignore[list-item]
