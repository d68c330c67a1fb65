"""Copies of tensors that are laid out in many ways."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from launcher.parallel.axes import Axes
from launcher.parallel.mesh import Mesh
from launcher.parallel.state import own_share
from launcher.training.checkpointer import Checkpointer
from launcher.training.staging import Staging
from tests.launcher.parallel.configs import BASE
from tests.launcher.parallel.spreads import spread


@pytest.mark.parametrize("threads", [1, 3])
def test_every_tensor_is_copied_whatever_its_shape_dtype_and_layout(threads: int) -> None:
    torch.manual_seed(0)
    parts = {
        "matrix": torch.randn(30, 20),
        "turned": torch.randn(30, 20).T,
        "cut": torch.randn(30, 20)[:, 3:7],
        "number": torch.tensor(2.5, dtype=torch.float64),
        "half": torch.randn(7).to(torch.bfloat16),
        "none": torch.empty(0, 4),
        "flags": torch.tensor([True, False]),
    }
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        staging = Staging()
        staging.copy(parts)
    finally:
        torch.set_num_threads(before)
    assert_equal(staging.rooms, parts)
    parts["matrix"].zero_()
    assert staging.rooms["matrix"].any()


def test_memory_is_used_again_where_shape_and_dtype_are_the_same() -> None:
    staging = Staging()
    staging.reserve({"same": torch.ones(3), "gone": torch.ones(2), "larger": torch.ones(2), "other": torch.ones(2)})
    address = staging.rooms["same"].data_ptr()
    parts = {"same": torch.ones(3), "larger": torch.ones(4), "other": torch.ones(2, dtype=torch.int32)}
    staging.copy(parts)
    assert staging.rooms["same"].data_ptr() == address
    assert_equal(staging.rooms, parts)


def test_memory_is_made_in_the_background(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[set[str]] = []
    monkeypatch.setattr(Staging, "reserve", lambda self, parts: asked.append(set(parts)))
    layer = nn.Linear(2, 2, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), momentum=0.9)
    model, report = spread(layer), lambda event, **more: None
    checkpointer = Checkpointer(tmp_path, BASE.checkpoint, model, optimizer, control=None, report=report)
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    checkpointer.prepare()
    checkpointer.finish()
    assert asked == [{"model/weight", "optimizer/weight/momentum_buffer"}]


def test_what_all_hold_whole_is_shared_out_with_its_optimizer_state() -> None:
    sizes = {"a": 8, "b": 3, "c": 4, "d": 1}
    parameters: dict[str, Tensor] = {f"model/{name}": nn.Parameter(torch.ones(size)) for name, size in sizes.items()}
    states = {f"optimizer/{name}/exp_avg": torch.ones(size) for name, size in sizes.items()}
    whole = parameters | states
    axes = Axes(dp_replicate=2)
    buffers = {"model/mean": torch.ones(9)}  # those of the first process count
    first = own_share(whole | buffers, Mesh(axes=axes, rank=0, device=torch.device("cpu")))
    second = own_share(whole | buffers, Mesh(axes=axes, rank=1, device=torch.device("cpu")))
    assert set(first) == {"model/a", "optimizer/a/exp_avg", "model/mean"}
    assert set(second) == set(whole) - set(first)


def assert_equal(copies: dict[str, Tensor], parts: dict[str, Tensor]) -> None:
    assert copies.keys() == parts.keys()
    for name, part in parts.items():
        assert copies[name].dtype == part.dtype
        assert copies[name].shape == part.shape
        assert torch.equal(copies[name], part)
