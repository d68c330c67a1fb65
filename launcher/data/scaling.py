"""Shift and scale of numbers, from statistics that are gathered batch by batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scaling:
    """`(values - offset) / scale`, each of shape (width,)."""

    offset: Float64
    scale: Float64

    def apply(self, values: NDArray) -> Float64:
        """Scale values (..., width)."""
        return (values - self.offset) / self.scale

    def to_fitted(self) -> dict[str, Any]:
        """The scaling as JSON types."""
        return {"offset": self.offset.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_fitted(cls, fitted: dict[str, Any]) -> Scaling:
        """What `to_fitted` wrote."""
        return cls(np.array(fitted["offset"]), np.array(fitted["scale"]))


class Moments:
    """Running mean, squared deviations and extremes of `width` numbers (Chan, Golub and LeVeque, 1979)."""

    def __init__(self, width: int) -> None:
        self.count = 0
        self.mean = np.zeros(width)
        self.deviations = np.zeros(width)
        self.lowest = np.full(width, np.inf)
        self.highest = np.full(width, -np.inf)

    def update(self, values: NDArray) -> None:
        """Take in values (n, width); all of them must be finite."""
        count = self.count + len(values)
        mean = values.mean(axis=0, dtype=np.float64)
        shift = mean - self.mean
        self.deviations += ((values - mean) ** 2).sum(axis=0) + shift**2 * (self.count * len(values) / count)
        self.mean += shift * (len(values) / count)
        self.count = count
        self.lowest = np.minimum(self.lowest, values.min(axis=0))
        self.highest = np.maximum(self.highest, values.max(axis=0))

    def scaling(self, method: str) -> Scaling:
        """Scaling to mean 0 and deviation 1 (`standard`), to 0..1 (`minmax`), or none; constants are only shifted."""
        if method == "standard":
            offset, scale = self.mean, np.sqrt(self.deviations / self.count)
        elif method == "minmax":
            offset, scale = self.lowest, self.highest - self.lowest
        else:
            offset, scale = np.zeros_like(self.mean), np.ones_like(self.mean)
        # Rounding leaves a constant with a tiny deviation, which must not be blown up to 1.
        constant = scale <= 1e-12 * np.maximum(1.0, np.abs(offset))
        return Scaling(offset, np.where(constant, 1.0, scale))


def fit_scaling(values: Float64, method: str) -> Scaling:
    """Scaling of values (n, width) that are all at hand."""
    moments = Moments(values.shape[1])
    moments.update(values)
    return moments.scaling(method)
