"""Whole tensors out of safetensors files that hold parts of them, one at a time and without a process group."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from launcher.checkpoints.storage import PLACES, SAVED_OFFSETS


@dataclass(slots=True)
class _Stored:
    shape: tuple[int, ...] = ()
    parts: list[tuple[Any, tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)  # file, offsets, shape


class Tensors:
    """The tensors in the safetensors files of a directory, by name; files stay mapped into memory."""

    def __init__(self, directory: Path) -> None:
        self._stored: dict[str, _Stored] = {}
        for path in sorted(directory.glob("*.safetensors")):
            file = safe_open(path, framework="pt")
            places = json.loads((file.metadata() or {}).get(PLACES, "{}"))
            for name in file.keys():  # noqa: SIM118 - a safe_open is no mapping
                shape = tuple(file.get_slice(name).get_shape())
                offsets = tuple(places[name][SAVED_OFFSETS]) if name in places else (0,) * len(shape)
                stored = self._stored.setdefault(name, _Stored((0,) * len(shape)))
                ends = (offset + size for offset, size in zip(offsets, shape, strict=True))
                stored.shape = tuple(map(max, stored.shape, ends))
                stored.parts.append((file, offsets, shape))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The whole shape of each tensor."""
        return {name: stored.shape for name, stored in self._stored.items()}

    def read(self, name: str) -> Tensor:
        """One tensor, put together."""
        stored = self._stored[name]
        if len(stored.parts) == 1:
            return stored.parts[0][0].get_tensor(name)
        whole: Tensor | None = None
        for file, offsets, shape in stored.parts:
            part = file.get_tensor(name)
            if whole is None:
                whole = torch.empty(stored.shape, dtype=part.dtype)
            whole[tuple(slice(start, start + size) for start, size in zip(offsets, shape, strict=True))] = part
        assert whole is not None
        return whole


def difference(
    needed: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]], *, prefix: str
) -> str | None:
    """The first of the tensors that are found which is not as it is needed, in words without its prefix."""
    for name in sorted(needed.keys() | found.keys()):
        short = name.removeprefix(prefix)
        if name not in found:
            return f"it lacks {short}"
        if name not in needed:
            return f"it has {short}, which the model has not"
        if needed[name] != found[name]:
            return f"its {short} has the shape {list(found[name])}, the model's {list(needed[name])}"
    return None
