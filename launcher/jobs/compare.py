"""Two records of the same steps, compared: where do they first differ by more than float32 can explain?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from launcher.runs import read_json

PHASES = ("sgd", "configured")
TOLERANCES = {
    "loss": 1e-5,  # absolute, or relative to a loss above 1
    "gradient_norm": 1e-4,  # relative
    "gradient": 1e-3,  # of one tensor's largest entry, or of a thousandth of the largest of all
    "sgd_parameters": 1e-4,  # |a - b| / |b| of one tensor
    "configured_parameters": 1e-2,  # adaptive optimizers enlarge rounding where gradients are almost zero
}
ROUNDING = 1e-6
"""Of the largest gradient of all: what float32 makes of a gradient that is zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """The first thing that differs."""

    step: int  # from 1
    what: str  # loss, gradient norm, gradient or parameters
    tensor: str | None
    difference: float
    tolerance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One phase: the same steps twice."""

    phase: str
    steps: list[dict[str, list[float]]]  # loss and gradient_norm of both sides, by step
    parameter: str  # with the largest relative difference at the end
    parameter_difference: float
    first: Divergence | None

    @property
    def passed(self) -> bool:
        return self.first is None


def compare(one: Path, other: Path, phase: str) -> Comparison:
    """Compare what the parity worker wrote into two run directories; `other` is the reference."""
    pairs = list(zip(*(read_json(path / f"{phase}.json")["steps"] for path in (one, other)), strict=True))
    steps = [{name: [a[name], b[name]] for name in ("loss", "gradient_norm")} for a, b in pairs]
    gradients, true_gradients = _gradients(one, phase), _gradients(other, phase)
    parameter, difference = _largest_difference(one, other, phase, skip=_silent(true_gradients))
    first = _first(steps, gradients, true_gradients)
    tolerance = TOLERANCES[f"{phase}_parameters"]
    if first is None and not difference <= tolerance:
        first = Divergence(
            step=len(steps), what="parameters", tensor=parameter, difference=difference, tolerance=tolerance
        )
    return Comparison(phase=phase, steps=steps, parameter=parameter, parameter_difference=difference, first=first)


def _first(steps: list[dict[str, Any]], one: dict[str, NDArray], other: dict[str, NDArray]) -> Divergence | None:
    for index, values in enumerate(steps):
        (a, b), (norm, true_norm) = values["loss"], values["gradient_norm"]
        errors = {
            "loss": abs(a - b) / max(1.0, abs(b)),
            "gradient_norm": abs(norm - true_norm) / max(true_norm, 1e-12),
        }
        tensor, error = _worst_gradient(one, other, index)
        wrong_gradient = not error <= TOLERANCES["gradient"]
        for what, value in errors.items():
            if not value <= TOLERANCES[what]:
                named = tensor if wrong_gradient else None
                return Divergence(step=index + 1, what=what, tensor=named, difference=value, tolerance=TOLERANCES[what])
        if wrong_gradient:
            return Divergence(
                step=index + 1, what="gradient", tensor=tensor, difference=error, tolerance=TOLERANCES["gradient"]
            )
    return None


def _worst_gradient(one: dict[str, NDArray], other: dict[str, NDArray], step: int) -> tuple[str, float]:
    """The tensor whose gradient differs most, and by how much of its largest entry."""
    largest = max(float(np.abs(values[step]).max(initial=0.0)) for values in other.values())
    errors = {}
    for name, values in other.items():
        scale = max(float(np.abs(values[step]).max(initial=0.0)), 1e-3 * largest, 1e-30)
        difference = np.abs(one[name][step] - values[step])
        errors[name] = float(difference.max(initial=0.0)) / scale
    worst = max(errors, key=lambda name: np.nan_to_num(errors[name], nan=np.inf))
    return worst, errors[worst]


def _silent(gradients: dict[str, NDArray]) -> set[str]:
    """Tensors whose gradient is nothing but rounding (biases of keys in attention), which Adam would blow up."""
    sizes = {name: float(np.abs(values).max(initial=0.0)) for name, values in gradients.items()}
    return {name for name, size in sizes.items() if size <= ROUNDING * max(sizes.values())}


def _gradients(path: Path, phase: str) -> dict[str, NDArray]:
    from safetensors.numpy import load_file

    return load_file(path / f"{phase}.gradients.safetensors")


def _largest_difference(one: Path, other: Path, phase: str, *, skip: set[str]) -> tuple[str, float]:
    """The tensor with the largest relative difference |a - b| / |b|, one tensor in memory at a time."""
    from safetensors import safe_open

    worst, largest = "", -1.0
    paths = [path / f"{phase}.parameters.safetensors" for path in (one, other)]
    with safe_open(paths[0], "np") as mine, safe_open(paths[1], "np") as theirs:
        names = theirs.keys()
        for name in (name for name in names if name not in skip):
            a, b = (np.asarray(file.get_tensor(name), dtype=np.float64) for file in (mine, theirs))
            difference = float(np.linalg.norm(a - b)) / max(float(np.linalg.norm(b)), 1e-12)
            if not difference <= largest:
                worst, largest = name, difference
    return worst, largest
