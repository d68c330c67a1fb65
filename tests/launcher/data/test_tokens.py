"""Text survives its tokens, and what a tokenizer needs is asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from launcher.data.tokens import fit_tokenizer, load_tokenizer
from launcher.errors import DataError, RequestError

TEXTS = ["def f(x):\n    return x\n", "naïve café 数据 🙂", "", "<|endoftext|> is only text here"]


def fitted(name: str, *, labels: str = "next_tokens", vocab_size: int | None = 300) -> dict[str, Any]:
    return json.loads(json.dumps(fit_tokenizer(name, iter([TEXTS * 3]), labels=labels, vocab_size=vocab_size)))


@pytest.fixture(scope="module")
def word_pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small tokenizer as BERT's, saved by transformers."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "world"]
    backend = Tokenizer(models.WordPiece({word: place for place, word in enumerate(words)}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    directory = tmp_path_factory.mktemp("word_pieces")
    PreTrainedTokenizerFast(tokenizer_object=backend, **names).save_pretrained(directory)
    return directory


@pytest.mark.parametrize("name", ["bytes", "bpe"])
@pytest.mark.parametrize("labels", ["next_tokens", "masked_tokens", "classes"])
def test_text_survives_its_tokens(name: str, labels: str) -> None:
    spec = fitted(name, labels=labels)
    tokenizer = load_tokenizer(spec)
    for text, tokens in zip(TEXTS, tokenizer.encode(TEXTS), strict=True):
        end = "\n" if name == "bytes" and labels != "classes" else ""
        assert tokenizer.decode(tokens.tolist()) == text + end
        assert max(tokens, default=0) < spec["vocab_size"]


def test_documents_of_language_models_end_with_a_separator() -> None:
    spec = fitted("bpe")
    tokens = load_tokenizer(spec).encode(["x", ""])
    assert [document[-1] for document in tokens] == [spec["separator_id"]] * 2
    assert len(load_tokenizer(fitted("bpe", labels="classes")).encode([""])[0]) == 0


def test_bytes_have_no_token_of_their_own_for_the_end() -> None:
    assert fitted("bytes")["vocab_size"] == 256


@pytest.mark.parametrize("name", ["bytes", "bpe"])
def test_masked_models_get_tokens_that_no_text_has(name: str) -> None:
    spec = fitted(name, labels="masked_tokens")
    used = np.concatenate(load_tokenizer(spec).encode([bytes(range(128)).decode(), *TEXTS]))
    assert not {spec["mask_token_id"], spec["pad_token_id"]} & set(used.tolist())
    assert spec["mask_token_id"] < spec["vocab_size"]


def test_a_trained_vocabulary_has_the_size_that_is_asked_for() -> None:
    assert fitted("bpe", vocab_size=280)["vocab_size"] == 280


def test_bytes_cut_in_the_middle_of_a_character_still_decode() -> None:
    tokenizer = load_tokenizer(fitted("bytes"))
    assert tokenizer.decode(list("é".encode())[:1]) == "\N{REPLACEMENT CHARACTER}"


def test_a_bpe_without_a_size_is_refused() -> None:
    with pytest.raises(RequestError, match=r"use dataset\.vocab_size=2048"):
        fitted("bpe", vocab_size=None)


def test_a_saved_tokenizer_puts_its_own_tokens_around_a_document(word_pieces: Path) -> None:
    spec = fitted(str(word_pieces), labels="masked_tokens")
    assert (spec["vocab_size"], spec["mask_token_id"], spec["pad_token_id"]) == (7, 4, 0)
    assert load_tokenizer(spec).encode(["hello world"])[0].tolist() == [2, 5, 6, 3]


def test_a_saved_tokenizer_ends_a_document_for_a_causal_model(word_pieces: Path) -> None:
    spec = fitted(str(word_pieces))
    assert load_tokenizer(spec).encode(["hello"])[0].tolist() == [5, 3]


def test_a_fitted_tokenizer_needs_its_files_no_more(word_pieces: Path) -> None:
    tokenizer = load_tokenizer(fitted(str(word_pieces)))
    assert tokenizer.decode([5, 6, 3]) == "hello world"


def test_a_directory_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dataset\.tokenizer=.* can't be loaded"):
        fitted(str(tmp_path))


def test_a_tokenizer_that_is_nowhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("launcher.data.tokens.is_reachable", lambda *_, **__: False)
    with pytest.raises(DataError, match=r"dataset\.tokenizer=nobody/nothing can't be had.*dataset\.tokenizer=bytes"):
        fitted("nobody/nothing")


def test_decoding_bytes_needs_no_slow_import() -> None:
    program = (
        "import sys\nfrom launcher.data.transforms import Transforms\n"
        "inputs = {'column': 'text', 'labels': 'next_tokens', 'sequence_length': 4, 'packing': True, 'tokenizer': "
        "{'name': 'bytes', 'vocab_size': 256, 'separator_id': 10, 'pad_token_id': 0, 'mask_token_id': None}}\n"
        "fitted = {'kind': 'text', 'labels': 'next_tokens', 'inputs': inputs, 'target': None}\n"
        "print(Transforms.from_fitted(fitted).decode([104, 105]))\n"
        "print({'torch', 'datasets', 'pandas', 'transformers', 'tokenizers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["hi", "set()"]
