"""A safetensors file written one tensor at a time, so that never two are held.

Format: https://huggingface.co/docs/safetensors/index#format
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import _TYPES
from torch import Tensor

_NAMES = {dtype: name for name, dtype in _TYPES.items()}

Tensors = Iterator[tuple[str, Tensor | None]]


class Sink(Protocol):
    """Something that takes bytes."""

    def write(self, data: Any, /) -> Any: ...


def write_tensors(path: Path | None, layout: Mapping[str, Tensor], tensors: Tensors) -> None:
    """Write tensors in the order and of the shapes and dtypes of `layout`; without a path, only run through them."""
    if path is None:
        for _ in tensors:
            pass
        return
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        stream_tensors(file, layout, tensors)
    partial.replace(path)


def stream_tensors(
    sink: Sink, layout: Mapping[str, Tensor], tensors: Tensors, *, metadata: Mapping[str, str] | None = None
) -> None:
    """As `write_tensors`, into anything that takes bytes; `metadata` stands in the header."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt", **(metadata or {})}}
    offset = 0
    for name, tensor in layout.items():
        end = offset + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    sink.write(len(encoded).to_bytes(8, "little") + encoded)
    for _, whole in tensors:
        assert whole is not None
        sink.write(whole.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
