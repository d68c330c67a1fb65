"""Tensors put together again from the files of a checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from launcher.checkpoints.whole import Tensors, difference


def test_a_directory_of_whole_tensors_is_read_as_it_is(tmp_path: Path) -> None:
    first, second = torch.arange(6.0).view(2, 3), torch.arange(4)
    save_file({"first": first}, tmp_path / "a.safetensors")
    save_file({"second": second}, tmp_path / "b.safetensors")
    tensors = Tensors(tmp_path)
    assert tensors.shapes == {"first": (2, 3), "second": (4,)}
    assert torch.equal(tensors.read("first"), first)
    assert torch.equal(tensors.read("second"), second)


@pytest.mark.parametrize(
    ("found", "what"),
    [
        ({"m/a": (2,), "m/b": (3,)}, None),
        ({"m/a": (2,)}, "it lacks b"),
        ({"m/a": (2,), "m/b": (3,), "m/c": ()}, "it has c, which the model has not"),
        ({"m/a": (2,), "m/b": (3, 1)}, "its b has the shape [3, 1], the model's [3]"),
    ],
)
def test_the_first_difference_is_named(found: dict[str, tuple[int, ...]], what: str | None) -> None:
    assert difference({"m/a": (2,), "m/b": (3,)}, found, prefix="m/") == what
