"""The order in which samples are seen: a pure function of seed, epoch and sample, never of the processes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]


def epoch_order(num_samples: int, *, seed: int, epoch: int) -> Int64:
    """A permutation of `range(num_samples)` that depends on the seed and the epoch alone."""
    generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    return generator.permutation(num_samples)


def sample_noise(sample_ids: Int64, width: int, *, seed: int, epoch: int) -> NDArray[np.float32]:
    """Uniform numbers in [0, 1) of shape (samples, width), each a function of seed, epoch, sample and position.

    Random choices of a task (which tokens are masked) are so the same on any number of processes. The mixing
    function is SplitMix64 (Steele, Lea and Flood, 2014).
    """
    start = _mix(np.uint64(seed) ^ _mix(np.uint64(epoch + 1)))
    rows = _mix(sample_ids.astype(np.uint64) ^ start)
    mixed = _mix(rows[:, None] + np.arange(width, dtype=np.uint64)[None, :])
    return ((mixed >> np.uint64(40)).astype(np.float32)) / np.float32(1 << 24)


def _mix(value: NDArray[np.uint64] | np.uint64) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        z = np.asarray(value, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def deal(indices: Int64, *, micro_batch_size: int, rank: int, num_ranks: int) -> list[Int64]:
    """The micro batches that one rank takes of the samples of a step.

    Whole rounds of `num_ranks * micro_batch_size` samples are dealt first; what is left is shared as evenly as it
    goes, so a rank may get an empty last micro batch. Every rank gets the same number of micro batches.
    """
    round_size = micro_batch_size * num_ranks
    hand = []
    for start in range(0, len(indices), round_size):
        size = min(round_size, len(indices) - start)
        hand.append(indices[start + size * rank // num_ranks : start + size * (rank + 1) // num_ranks])
    return hand
