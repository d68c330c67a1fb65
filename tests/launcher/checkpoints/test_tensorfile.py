"""A safetensors file that is written tensor by tensor, as others read it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from launcher.checkpoints.tensorfile import write_tensors

TENSORS = {
    "matrix": torch.arange(6.0).view(2, 3),
    "half": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
    "count": torch.tensor(7),
    "mask": torch.tensor([True, False, True]),
    "transposed": torch.arange(6.0).view(2, 3).t(),
    "none": torch.empty(0, 4),
}


def write(path: Path | None, tensors: dict[str, Tensor]) -> None:
    write_tensors(path, {name: tensor.to("meta") for name, tensor in tensors.items()}, iter(tensors.items()))


@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_is_read_back_as_it_was(name: str, tmp_path: Path) -> None:
    write(tmp_path / "model.safetensors", TENSORS)
    found = load_file(tmp_path / "model.safetensors")[name]
    assert (found.dtype, found.shape) == (TENSORS[name].dtype, TENSORS[name].shape)
    assert torch.equal(found, TENSORS[name])


def test_the_file_says_that_it_is_of_torch_as_transformers_asks(tmp_path: Path) -> None:
    write(tmp_path / "model.safetensors", TENSORS)
    with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
        assert file.metadata() == {"format": "pt"}


def test_each_tensor_is_asked_for_after_the_one_before_was_written(tmp_path: Path) -> None:
    sizes = []

    def tensors() -> Iterator[tuple[str, Tensor]]:
        for name in ("a", "b", "c"):
            sizes.append((tmp_path / "model.partial").stat().st_size)
            yield name, torch.ones(1 << 20)

    layout = {name: torch.empty(1 << 20, device="meta") for name in ("a", "b", "c")}
    write_tensors(tmp_path / "model.safetensors", layout, tensors())
    assert sizes[2] - sizes[1] == 4 << 20


def test_a_file_that_was_not_finished_has_another_name(tmp_path: Path) -> None:
    def tensors() -> Iterator[tuple[str, Tensor]]:
        yield "a", torch.ones(2)
        raise RuntimeError("a peer left")

    layout = {name: torch.empty(2, device="meta") for name in ("a", "b")}
    with pytest.raises(RuntimeError, match="a peer left"):
        write_tensors(tmp_path / "model.safetensors", layout, tensors())
    assert not (tmp_path / "model.safetensors").exists()


def test_without_a_path_every_tensor_is_still_asked_for() -> None:
    asked = iter([("a", None), ("b", None)])
    write_tensors(None, {}, asked)
    assert next(asked, None) is None
