"""Text to token ids and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from launcher.data.sources.hugging_face import is_reachable
from launcher.data.sources.library import root_cause
from launcher.errors import DataError, RequestError

NEWLINE = 10
DOCUMENT_END, PAD, MASK = "<|endoftext|>", "<|pad|>", "<|mask|>"
LANGUAGE_MODELS = ("next_tokens", "masked_tokens")

Tokens = NDArray[np.integer]


class Tokenizer(Protocol):
    """Encodes documents with what separates them, as `fitted` says."""

    def encode(self, texts: Sequence[str]) -> list[Tokens]: ...
    def decode(self, tokens: Sequence[int]) -> str: ...


class ByteTokenizer:
    """The 256 bytes of UTF-8.

    Documents of language models end with a newline, not with a token of its own: the vocabulary stays at 256, one
    token is one byte, and so the loss in bits per token is bits per byte, on exactly the stream that the floors
    are measured on. Hidden tokens and padding (masked language models) come after the bytes.
    """

    def __init__(self, fitted: dict[str, Any]) -> None:
        self._end = b"" if fitted["separator_id"] is None else bytes([fitted["separator_id"]])

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """One array a document, with the newline that ends it."""
        return [np.frombuffer(text.encode(errors="replace") + self._end, dtype=np.uint8) for text in texts]

    def decode(self, tokens: Sequence[int]) -> str:
        """Text; bytes that are no UTF-8 become the replacement character."""
        return bytes(token for token in tokens if token < 256).decode(errors="replace")


class LibraryTokenizer:
    """A tokenizer of the `tokenizers` library, kept whole in `fitted`: no network, no files."""

    def __init__(self, fitted: dict[str, Any]) -> None:
        from tokenizers import Tokenizer as Backend

        self._backend = Backend.from_str(fitted["json"])
        self._backend.no_truncation()
        self._backend.no_padding()
        # A text that spells out a special token of our own is still text.
        self._backend.encode_special_tokens = fitted["name"] == "bpe"
        self._add_special_tokens = fitted["add_special_tokens"]
        self._end = [] if fitted["separator_id"] is None else [fitted["separator_id"]]

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """One array a document, with the token that ends it."""
        encodings = self._backend.encode_batch_fast(list(texts), add_special_tokens=self._add_special_tokens)
        return [np.array(encoding.ids + self._end, dtype=np.uint32) for encoding in encodings]

    def decode(self, tokens: Sequence[int]) -> str:
        """Text without special tokens."""
        return str(self._backend.decode(list(tokens), skip_special_tokens=True))


def load_tokenizer(fitted: dict[str, Any]) -> Tokenizer:
    """The tokenizer that `fit_tokenizer` fitted."""
    return ByteTokenizer(fitted) if fitted["name"] == "bytes" else LibraryTokenizer(fitted)


def fit_tokenizer(name: str, train: Iterable[Sequence[str]], *, labels: str, vocab_size: int | None) -> dict[str, Any]:
    """Choose, train or fetch a tokenizer; returns what `load_tokenizer` takes.

    `train` yields lists of documents and is read by `bpe` alone. For masked language models ids for hidden tokens
    and padding are there as well.

    Raises:
        RequestError: `bpe` without a vocabulary size.
        DataError: the named tokenizer can't be had, or lacks a token that the labels need.
    """
    if name == "bytes":
        return _fit_bytes(labels)
    if name == "bpe":
        return _fit_bpe(train, labels, vocab_size)
    return _fetch(name, labels)


def _fit_bytes(labels: str) -> dict[str, Any]:
    masked = labels == "masked_tokens"
    return {
        "name": "bytes",
        "vocab_size": 258 if masked else 256,
        "separator_id": NEWLINE if labels in LANGUAGE_MODELS else None,
        "pad_token_id": 256 if masked else 0,  # elsewhere the length tells what is padding
        "mask_token_id": 257 if masked else None,
    }


def _fit_bpe(train: Iterable[Sequence[str]], labels: str, vocab_size: int | None) -> dict[str, Any]:
    """Byte-level byte-pair encoding (Sennrich et al. 2016; bytes as in GPT-2): any text, exact round trip."""
    if vocab_size is None:
        raise RequestError("dataset.tokenizer=bpe needs the number of tokens; use dataset.vocab_size=2048")
    from tokenizers import Tokenizer as Backend
    from tokenizers import decoders, models, pre_tokenizers, trainers

    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[DOCUMENT_END, PAD, MASK] if labels == "masked_tokens" else [DOCUMENT_END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(train, trainer=trainer)
    end = backend.token_to_id(DOCUMENT_END)
    return {
        "name": "bpe",
        "json": backend.to_str(),
        "vocab_size": backend.get_vocab_size(),
        "add_special_tokens": False,
        "separator_id": end if labels in LANGUAGE_MODELS else None,
        "pad_token_id": backend.token_to_id(PAD) if labels == "masked_tokens" else end,
        "mask_token_id": backend.token_to_id(MASK),
    }


def _fetch(name: str, labels: str) -> dict[str, Any]:
    tokenizer = _from_disk_or_hub(name)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise DataError(f"dataset.tokenizer={name} has no form that the `tokenizers` library reads; use another")
    if labels == "masked_tokens" and tokenizer.mask_token_id is None:
        raise DataError(f"dataset.tokenizer={name} has no mask token; use task=language_modeling or another tokenizer")
    end = next((i for i in (tokenizer.eos_token_id, tokenizer.sep_token_id) if i is not None), None)
    return {
        "name": name,
        "json": backend.to_str(),
        "vocab_size": len(tokenizer),
        # What the tokenizer puts around a document itself, as [CLS] and [SEP], serves all but causal models.
        "add_special_tokens": labels != "next_tokens",
        "separator_id": end if labels == "next_tokens" else None,
        "pad_token_id": next((i for i in (tokenizer.pad_token_id, end) if i is not None), 0),
        "mask_token_id": tokenizer.mask_token_id if labels == "masked_tokens" else None,
    }


def _from_disk_or_hub(name: str) -> Any:
    """A transformers tokenizer; a copy on this machine is taken without asking the hub."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(name, local_files_only=True)
    except Exception as error:
        if Path(name).exists():
            raise DataError(f"dataset.tokenizer={name} can't be loaded: {root_cause(error)}") from error
    if not is_reachable(name, key="dataset.tokenizer", repo_type="model"):
        raise DataError(
            f"dataset.tokenizer={name} can't be had: it is no tokenizer on this machine, and the Hugging Face hub is "
            f"out of reach; use dataset.tokenizer=bytes or dataset.tokenizer=bpe"
        )
    try:
        return AutoTokenizer.from_pretrained(name)
    except Exception as error:
        raise DataError(f"dataset.tokenizer={name} can't be loaded: {root_cause(error)}") from error
