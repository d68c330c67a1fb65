"""The Accelerator of one worker, and of two that share a model."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState, PartialState
from torch import nn

from launcher.errors import EngineError
from launcher.parallel.accelerator import make_accelerator, reduce_sums
from launcher.parallel.axes import Axes
from launcher.parallel.distribute import called
from launcher.parallel.mesh import Mesh, make_mesh
from launcher.parallel.plan import Plan
from tests.launcher.parallel.processes import start, wait

# Two ranks train one linear layer, each with an input of its own; rank 0 prints what both found.
WORKER = """
import json, os, torch
import torch.distributed as dist
from torch import nn
from launcher.parallel.accelerator import make_accelerator, reduce_sums
from launcher.parallel.axes import Axes
from launcher.parallel.distribute import called
from launcher.parallel.mesh import make_mesh
from launcher.parallel.plan import Plan
from tests.launcher.parallel.processes import leave

torch.set_num_threads(1)
axes = Axes(dp_replicate=2)
plan = Plan(
    device="cpu", num_processes=2, axes=axes, threads=1, global_batch_size=2, micro_batch_size=1, accumulation=1
)
accelerator = make_accelerator(plan, precision="fp32", trackers=[])
rank = accelerator.process_index
torch.manual_seed(rank)
plain = nn.Linear(1, 1, bias=False)
mesh = make_mesh(axes, rank=rank, device=accelerator.device)
model, optimizer = called(accelerator, plain, mesh), torch.optim.SGD(plain.parameters(), lr=1.0)
start = plain.weight.item()
accelerator.backward(model(torch.tensor([[1.0 + 2.0 * rank]])).sum())
gradient = plain.weight.grad.item()
optimizer.step()

class Buffered(nn.Linear):
    def __init__(self):
        super().__init__(1, 1)
        self.register_buffer("saved", torch.zeros(()))
        self.register_buffer("unsaved", torch.zeros(()), persistent=False)

buffered = Buffered()
forward = called(accelerator, buffered, mesh)
buffered.saved.fill_(rank), buffered.unsaved.fill_(rank)
forward(torch.ones(1, 1))
found = {
    "wrapper": type(model).__name__,
    "start": start,
    "gradient": gradient,
    "end": plain.weight.item(),
    "sums": reduce_sums(accelerator, 2**24 + rank, torch.tensor(0.5), 1),
    "buffers": [buffered.saved.item(), buffered.unsaved.item()],
}
gathered = [None, None]
dist.all_gather_object(gathered, found)
if rank == 0:
    print(json.dumps(gathered), flush=True)
leave()
"""


def plan(**changes: Any) -> Plan:
    values = {"device": "cpu", "num_processes": 1, "axes": Axes(), "threads": 1}
    return Plan(**{**values, "global_batch_size": 4, "micro_batch_size": 4, "accumulation": 1, **changes})


@pytest.fixture(autouse=True)
def fresh_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Accelerate keeps one state a process; each test begins and leaves without one."""
    monkeypatch.delenv("ACCELERATE_USE_CPU", raising=False)
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
    assert PartialState._shared_state == {}


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two real processes found."""
    logs = tmp_path_factory.mktemp("ranks")
    trouble = wait(start(2, ["-c", WORKER], logs), progress=lambda: None, patience_s=120)
    said = [(logs / f"rank{rank}.log").read_text() for rank in range(2)]
    assert trouble is None, f"{trouble}\n{''.join(said)}"
    return json.loads(next(line for line in said[0].splitlines() if line.startswith("[{")))  # others are warnings


def test_one_process_runs_on_the_planned_device() -> None:
    assert make_accelerator(plan(), precision="fp32", trackers=[]).device.type == "cpu"


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_precision_is_that_of_the_matrix_products(precision: str, dtype: torch.dtype) -> None:
    accelerator = make_accelerator(plan(), precision=precision, trackers=[])
    layer = nn.Linear(2, 2)
    with accelerator.autocast():
        assert layer(torch.ones(1, 2)).dtype == dtype


def test_processes_that_do_not_join_are_an_error_with_both_numbers() -> None:
    with pytest.raises(EngineError, match="2 processes were planned, 1 joined"):
        make_accelerator(plan(num_processes=2), precision="fp32", trackers=[])


@pytest.mark.skipif(sys.platform == "darwin", reason="may have the device")
def test_a_worker_on_another_device_than_planned_is_an_error_with_both() -> None:
    with pytest.raises(EngineError, match=r"device mps was planned, but the worker got (cpu|cuda)"):
        make_accelerator(plan(device="mps"), precision="fp32", trackers=[])


def test_in_one_process_the_model_stays_what_it_is() -> None:
    accelerator = make_accelerator(plan(), precision="fp32", trackers=[])
    plain = nn.Linear(1, 1)
    assert called(accelerator, plain, make_mesh(Axes(), rank=0, device=accelerator.device)) is plain


def test_a_model_that_would_train_alone_on_each_rank_is_an_error() -> None:
    accelerator = make_accelerator(plan(), precision="fp32", trackers=[])
    mesh = Mesh(axes=Axes(dp_replicate=2), rank=0, device=accelerator.device)
    with pytest.raises(EngineError, match="not DistributedDataParallel"):
        called(accelerator, nn.Linear(1, 1), mesh)


def test_in_one_process_sums_are_the_values_themselves() -> None:
    accelerator = make_accelerator(plan(), precision="fp32", trackers=[])
    assert reduce_sums(accelerator, 3, torch.tensor(0.5)) == [3.0, 0.5]


def test_two_ranks_replicate_the_model(two_ranks: list[dict[str, Any]]) -> None:
    assert [found["wrapper"] for found in two_ranks] == ["DistributedDataParallel"] * 2


def test_two_ranks_begin_with_the_weights_of_the_first(two_ranks: list[dict[str, Any]]) -> None:
    torch.manual_seed(0)
    assert [found["start"] for found in two_ranks] == [nn.Linear(1, 1, bias=False).weight.item()] * 2


def test_two_ranks_step_along_the_mean_of_their_gradients(two_ranks: list[dict[str, Any]]) -> None:
    assert [found["gradient"] for found in two_ranks] == [(1.0 + 3.0) / 2] * 2
    assert [found["end"] for found in two_ranks] == pytest.approx([found["start"] - 2.0 for found in two_ranks])


def test_sums_over_two_ranks_are_exact_beyond_float32(two_ranks: list[dict[str, Any]]) -> None:
    assert [found["sums"] for found in two_ranks] == [[2**25 + 1, 1.0, 2.0]] * 2


def test_buffers_that_are_saved_are_those_of_the_first_rank(two_ranks: list[dict[str, Any]]) -> None:
    assert [found["buffers"][0] for found in two_ranks] == [0.0, 0.0]


def test_buffers_that_are_not_saved_cost_no_message(two_ranks: list[dict[str, Any]]) -> None:
    assert [found["buffers"][1] for found in two_ranks] == [0.0, 1.0]
