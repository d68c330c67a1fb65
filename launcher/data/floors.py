"""What simple predictors reach on the same bytes: the floors that a byte-level language model is held against."""

from __future__ import annotations

import gzip
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

CHUNK_BYTES = 2**23
MAX_TRAIN_BYTES = 2**28  # a table of trigrams is saturated long before
MAX_VALIDATION_BYTES = 2**23


def byte_floors(train: Iterable[Bytes], validation: Bytes) -> dict[str, float]:
    """Bits per byte on `validation` of order-0, bigram and trigram models counted on `train`, and of `gzip -9`.

    `train` is a stream in consecutive pieces; of very long streams only the beginning is measured. The first byte of
    `validation` is not predicted, as a language model has nothing to predict it from. Counts are smoothed by Witten
    and Bell (1991): a context seen with k different bytes gives weight k to the shorter context's prediction.
    """
    validation = validation[:MAX_VALIDATION_BYTES]
    counts = _count_trigrams(train)
    pairs, singles = counts.sum(axis=0, dtype=np.int64), counts.sum(axis=(0, 1), dtype=np.int64)
    stream = validation.astype(np.int64)
    following = stream[1:]
    uniform = np.full(len(following), 1 / 256)
    order_0 = _interpolate(singles[None], np.zeros_like(following), following, uniform)
    bigram = _interpolate(pairs, stream[:-1], following, order_0)
    trigram = bigram.copy()  # the second byte has one byte before it
    contexts = stream[:-2] * 256 + stream[1:-1]
    trigram[1:] = _interpolate(counts.reshape(65536, 256), contexts, stream[2:], bigram[1:])
    return {
        "order_0": _bits(order_0),
        "bigram": _bits(bigram),
        "trigram": _bits(trigram),
        "gzip": 8 * len(gzip.compress(validation.tobytes(), 9, mtime=0)) / len(validation),
    }


def _count_trigrams(pieces: Iterable[Bytes]) -> NDArray[np.uint32]:
    """How often each byte follows each pair: (256, 256, 256), a trigram across two pieces left out."""
    counts = np.zeros(256**3, dtype=np.uint32)
    left = MAX_TRAIN_BYTES
    for piece in pieces:
        for start in range(0, min(len(piece), left), CHUNK_BYTES):
            chunk = piece[start : start + CHUNK_BYTES + 2].astype(np.int32)
            trigrams = (chunk[:-2] * 256 + chunk[1:-1]) * 256 + chunk[2:]
            counts += np.bincount(trigrams, minlength=256**3).astype(np.uint32)
        left = max(0, left - len(piece))
    return counts.reshape(256, 256, 256)


def _interpolate(
    counts: NDArray, contexts: NDArray[np.int64], following: NDArray[np.int64], shorter: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Probability of each byte after its context, mixed with what the shorter context says."""
    totals = counts.sum(axis=1, dtype=np.int64)
    kinds = np.maximum(np.count_nonzero(counts, axis=1), 1)  # an unseen context leaves all to the shorter one
    return (counts[contexts, following] + kinds[contexts] * shorter) / (totals[contexts] + kinds[contexts])


def _bits(probabilities: NDArray[np.float64]) -> float:
    return float(-np.log2(probabilities).mean())
