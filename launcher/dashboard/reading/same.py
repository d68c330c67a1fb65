"""Which of many pieces of bytes are the same, without cutting them out."""

from __future__ import annotations

import numpy as np

TABLE_BITS = 18
MIX = np.uint64(0x9E3779B97F4A7C15)
WORD = 8
MASKS = np.array([(1 << 8 * size) - 1 for size in range(WORD + 1)], np.uint64)


def same_as(data: bytes, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """For each piece the last one that is the same, by place; 8 bytes of any kind must lie behind the last piece.

    A hash proposes, and the bytes are compared. What the hash takes for others goes through a dictionary.
    """
    if len(starts) == 0:
        return np.empty(0, np.int64)
    words = np.ndarray(len(data) - WORD + 1, "<u8", buffer=data, strides=(1,))
    lengths = ends - starts
    steps = range(0, int(lengths.max()), WORD)
    hashes = lengths.astype(np.uint64)
    parts = []
    for step in steps:
        left = np.clip(lengths - step, 0, WORD)
        part = words[np.minimum(starts + step, len(words) - 1)] & MASKS[left]
        parts.append(part)
        hashes = (hashes ^ part) * MIX
        hashes ^= hashes >> np.uint64(29)
    slots = (hashes >> np.uint64(64 - TABLE_BITS)).astype(np.int64)
    table = np.empty(1 << TABLE_BITS, np.int64)
    table[slots] = np.arange(len(slots))  # the last of each slot stays
    same = table[slots]
    is_same = lengths == lengths[same]
    for part in parts:
        is_same &= part == part[same]
    if not is_same.all():
        _by_dictionary(data, starts, ends, same, np.flatnonzero(~is_same))
    return same


def _by_dictionary(data: bytes, starts: np.ndarray, ends: np.ndarray, same: np.ndarray, others: np.ndarray) -> None:
    """None of these shares its bytes with the piece that stayed in its slot, so they concern nobody else."""
    places = others.tolist()
    pieces = [data[starts[place] : ends[place]] for place in places]
    last = dict(zip(pieces, places, strict=True))
    same[others] = [last[piece] for piece in pieces]
