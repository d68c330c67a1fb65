"""What torch.distributed.checkpoint writes through our writer, torch's own reader reads back."""

from __future__ import annotations

import hashlib
import pickle
import sys
from io import BytesIO
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from safetensors.torch import load_file
from torch import Tensor
from torch.distributed.checkpoint import HuggingFaceStorageReader
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Shard, distribute_tensor

from launcher.checkpoints.marker import Checkpoint, begin, published
from launcher.checkpoints.storage import HashingSink, ShardWriter
from tests.launcher.parallel.processes import leave, start, wait

# torch says so of each process that saves alone.
pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled")

TENSORS = {
    "matrix": torch.arange(6.0).view(2, 3) / 7,
    "half": torch.tensor([1.5, -2.0, 3.0e38], dtype=torch.bfloat16),
    "double": torch.tensor([1e300], dtype=torch.float64),
    "count": torch.tensor(7),
    "scalar": torch.tensor(0.1),
    "mask": torch.tensor([True, False, True]),
    "transposed": torch.arange(6.0).view(2, 3).t(),
    "not finite": torch.tensor([float("nan"), float("inf"), -0.0]),
    "empty": torch.empty(0, 4),
}
ROWS = 3  # over two processes: two rows and one


def save(directory: Path, tensors: dict[str, Tensor], *, step: int = 4) -> Checkpoint:
    parts = {name: value.to_local() if isinstance(value, DTensor) else value for name, value in tensors.items()}
    dcp.save(tensors, storage_writer=ShardWriter(directory, step=step, staged=parts, state={"step": step}))
    return published(directory)[-1]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """What one process saved."""
    writer = ShardWriter(tmp_path_factory.mktemp("alone"), step=4, staged=TENSORS, state={"step": 4})
    dcp.save(TENSORS, storage_writer=writer, no_dist=True)
    return published(writer._directory)[-1]


def sharded() -> dict[str, Tensor]:
    """The same tensors on two processes: over rows, over columns, on one of them only, and on both."""
    mesh = init_device_mesh("cpu", (2,))
    matrix = torch.arange(12.0).view(ROWS, 4)
    return {
        "rows": distribute_tensor(matrix, mesh, [Shard(0)]),
        "columns": distribute_tensor(matrix, mesh, [Shard(1)]),
        "one row": distribute_tensor(matrix[:1], mesh, [Shard(0)]),  # nothing of it on the second process
        "both": torch.tensor(5.0),
        "half": distribute_tensor(matrix.to(torch.bfloat16), mesh, [Shard(0)]),
        f"of {dist.get_rank()}": torch.full((2,), float(dist.get_rank())),
    }


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """What two processes saved, and read back, each its own parts."""
    directory = tmp_path_factory.mktemp("spread")
    trouble = wait(start(2, [__file__, str(directory)], directory), progress=lambda: 0, patience_s=100)
    assert trouble is None, "\n".join(path.read_text() for path in directory.glob("rank*.log"))
    return published(directory)[-1]


def read(checkpoint: Checkpoint, like: dict[str, Tensor]) -> dict[str, Tensor]:
    found = {name: torch.zeros_like(tensor) for name, tensor in like.items()}
    dcp.load(found, storage_reader=HuggingFaceStorageReader(str(checkpoint.path)), no_dist=True)
    return found


@pytest.mark.parametrize("name", TENSORS)
def test_each_tensor_is_read_back_bit_by_bit(alone: Checkpoint, name: str) -> None:
    found, expected = read(alone, {name: TENSORS[name]})[name], TENSORS[name]
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert torch.equal(*(value.contiguous().view(-1).view(torch.uint8) for value in (found, expected)))


def test_the_marker_holds_the_state_and_matches_the_files(alone: Checkpoint) -> None:
    assert alone.flaw() is None
    assert alone.read() == {"step": 4}
    assert alone.file_names() == [path.name for path in alone.path.glob("*.safetensors")]


def test_any_reader_of_safetensors_opens_a_file(alone: Checkpoint) -> None:
    assert torch.equal(load_file(alone.path / "shard-00000.safetensors")["matrix"], TENSORS["matrix"])


def test_two_processes_write_a_file_each_and_the_marker_covers_both(spread: Checkpoint) -> None:
    assert spread.file_names() == ["shard-00000.safetensors", "shard-00001.safetensors"]
    assert spread.flaw() is None


def test_what_two_processes_wrote_is_read_whole_by_one(spread: Checkpoint) -> None:
    matrix = torch.arange(12.0).view(ROWS, 4)
    expected = {"rows": matrix, "columns": matrix, "one row": matrix[:1], "half": matrix.to(torch.bfloat16)}
    expected |= {"both": torch.tensor(5.0), "of 0": torch.zeros(2), "of 1": torch.ones(2)}
    found = read(spread, expected)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_nothing_on_the_disk_is_a_pickle(alone: Checkpoint, spread: Checkpoint) -> None:
    for file in [*alone.path.iterdir(), *spread.path.iterdir()]:
        content = file.read_bytes()
        assert not content.startswith((b"PK", b"\x80")), file  # a zip file of torch.save, a pickle
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever it says, it is none
            pickle.load(BytesIO(content))


def test_what_an_interrupted_checkpoint_of_the_step_left_is_gone(tmp_path: Path) -> None:
    (begin(tmp_path, 4) / "shard-00009.safetensors").write_bytes(b"half of")
    writer = ShardWriter(tmp_path, step=4, staged=TENSORS, state={})
    dcp.save(TENSORS, storage_writer=writer, no_dist=True)
    [found] = published(tmp_path)
    assert {path.name for path in found.path.iterdir()} == {"shard-00000.safetensors", "checkpoint.json"}


def test_a_sink_counts_and_hashes_what_it_passes_on() -> None:
    file = BytesIO()
    sink = HashingSink(file)
    for part in (b"one ", memoryview(b"two "), torch.arange(3, dtype=torch.uint8).numpy().data):
        sink.write(part)
    assert sink.num_bytes == len(file.getvalue()) == 11
    assert sink.sha256 == hashlib.sha256(file.getvalue()).hexdigest()


def worker(directory: Path) -> None:
    """One of two processes."""
    dist.init_process_group("gloo")
    saved = sharded()
    checkpoint = save(directory, saved)
    dist.barrier()
    found = {name: torch.zeros_like(value) for name, value in saved.items()}
    dcp.load(found, storage_reader=HuggingFaceStorageReader(str(checkpoint.path)))
    for name, value in saved.items():
        mine, its = (v.to_local() if isinstance(v, DTensor) else v for v in (found[name], value))
        assert torch.equal(mine, its), name
    leave()


if __name__ == "__main__":
    worker(Path(sys.argv[1]))
