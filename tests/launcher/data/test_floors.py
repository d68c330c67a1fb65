"""Floors are what the named predictors reach, by their definitions."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from launcher.data import floors
from launcher.data.floors import byte_floors


def as_bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def plain_trigram_floor(train: str, validation: str) -> float:
    """The definition, one byte at a time."""
    windows = [train[i : i + 3] for i in range(len(train) - 2)]

    def probability(context: str, byte: str) -> float:
        if context is None:
            return 1 / 256
        ends = Counter(w[2] for w in windows if w[:2][2 - len(context) :] == context)
        shorter = probability(context[1:] if context else None, byte)
        return (ends[byte] + max(len(ends), 1) * shorter) / (sum(ends.values()) + max(len(ends), 1))

    bits = [-math.log2(probability(validation[max(0, i - 2) : i], validation[i])) for i in range(1, len(validation))]
    return sum(bits) / len(bits)


def test_the_trigram_floor_follows_its_definition() -> None:
    train, validation = "abracadabra abracadabra simsalabim" * 2, "abrasimzim"
    measured = byte_floors([as_bytes(train)], as_bytes(validation))["trigram"]
    assert measured == pytest.approx(plain_trigram_floor(train, validation), rel=1e-12)


def test_longer_contexts_predict_real_text_better() -> None:
    text = "".join(f"line {number} of a text that repeats itself\n" for number in range(300))
    measured = byte_floors([as_bytes(text)], as_bytes(text[:2000]))
    assert 8 > measured["order_0"] > measured["bigram"] > measured["trigram"] > 0


def test_random_bytes_can_not_be_predicted() -> None:
    noise = np.random.default_rng(0).integers(0, 256, 20_000).astype(np.uint8)
    measured = byte_floors([noise[:10_000]], noise[10_000:])
    assert all(bits > 7.9 for bits in measured.values())


def test_a_stream_in_pieces_counts_like_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = as_bytes("the quick brown fox jumps over the lazy dog " * 20)
    whole = byte_floors([stream], stream)
    monkeypatch.setattr(floors, "CHUNK_BYTES", 100)
    assert byte_floors([stream], stream) == whole
