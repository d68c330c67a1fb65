"""Random numbers that belong to a step: nothing that was drawn before changes them."""

from __future__ import annotations

import torch

_MASK = (1 << 64) - 1


def step_seed(seed: int, *, step: int, data_rank: int) -> int:
    """A seed for one step of one share of the data, by SplitMix64 (Steele, Lea and Flood, 2014)."""
    return _mix(_mix(_mix(seed) ^ step) ^ data_rank)


def reseed(device: torch.device, seed: int) -> None:
    """Set torch's generators of the host and of this device.

    `torch.manual_seed` sets those of every device and takes a hundred times as long.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def _mix(value: int) -> int:
    z = (value + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)
