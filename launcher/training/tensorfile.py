"""A safetensors file written one tensor at a time, so that never two are held.

Format: https://huggingface.co/docs/safetensors/index#format
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import _TYPES
from torch import Tensor

_NAMES = {dtype: name for name, dtype in _TYPES.items()}


def write_tensors(
    path: Path | None, layout: Mapping[str, Tensor], tensors: Iterator[tuple[str, Tensor | None]]
) -> None:
    """Write tensors in the order and of the shapes and dtypes of `layout`; without a path, only run through them."""
    if path is None:
        for _ in tensors:
            pass
        return
    header: dict[str, dict[str, Any]] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, tensor in layout.items():
        end = offset + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(len(encoded).to_bytes(8, "little") + encoded)
        for _, whole in tensors:
            assert whole is not None
            file.write(whole.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    partial.replace(path)
