"""Training goes on from what was saved; what is damaged or of another model is not loaded."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

from launcher.checkpoints.marker import begin, publish, published
from launcher.config.compose import compose
from launcher.config.validate import from_composed
from launcher.errors import RequestError
from launcher.parallel.accelerator import host_group, make_accelerator
from launcher.parallel.devices import Devices
from launcher.parallel.plan import make_plan
from launcher.training.checkpointer import Checkpointer
from launcher.training.restore import load, newest_sound
from tests.launcher.parallel import matrix
from tests.launcher.parallel.cases import Case
from tests.launcher.parallel.configs import BASE
from tests.launcher.parallel.processes import start, wait
from tests.launcher.parallel.spreads import spread

# torch says so of each process that saves alone.
pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled")

TAKEN, MORE = 3, 3
FSDP = Case(name="fsdp", processes=2, strategy=("strategy=fsdp",), data=2)


def job(case: Case, accelerator: Any = None) -> matrix.Job:
    """A worker of a case, with weights that depend on nothing but the case's config."""
    config = from_composed(compose([*case.overrides, "optimizer.lr=0.003", "optimizer.eps=1e-6"]))
    plan = make_plan(config, Devices(cpu_cores=2))
    if accelerator is None:
        accelerator = make_accelerator(plan, precision="fp32", trackers=[])
    return matrix.assemble(config, plan, accelerator)


def go_on(worker: matrix.Job) -> dict[str, Any]:
    """Steps after a checkpoint: their losses, and the weights at the end on process 0."""
    taken = matrix.training_steps(worker.rows, worker.share, first=TAKEN, last=TAKEN + MORE)
    losses = []
    for step in taken:
        loss, terms, _ = matrix.take_step(worker, step)
        loss, terms = matrix.reduce_sums(worker.accelerator, loss, terms)
        losses.append(loss / terms)
    return {"losses": losses, "weights": matrix.whole_weights(worker)}


def worker(directory: Path) -> None:
    """One of two processes: trains, saves, goes on, and goes on once more from what was saved."""
    torch.set_num_threads(1)
    trained = job(FSDP)
    list(matrix.steps(trained, num_steps=TAKEN))
    group = host_group()
    model, optimizer = trained.model, trained.optimizer
    saver = Checkpointer(
        directory / "saved", BASE.checkpoint, model, optimizer, control=group, report=lambda event, **more: None
    )
    saver.save(TAKEN, {"metrics": {}}, wait=True)
    found: dict[str, Any] = {"undisturbed": go_on(trained)}
    resumed = job(FSDP, trained.accelerator)
    checkpoint = newest_sound(directory / "saved", group, warn=print)
    assert checkpoint is not None
    load(checkpoint, resumed.model, resumed.optimizer, group)
    found["resumed"] = go_on(resumed)
    # Each process looks at other files; all hear of a flaw that only one of them sees.
    dist.barrier()
    if dist.get_rank() == 0:
        (checkpoint.path / "shard-00001.safetensors").write_bytes(b"?")
    dist.barrier()
    warnings: list[str] = []
    assert newest_sound(directory / "saved", group, warn=warnings.append) is None
    found["warnings"] = warnings
    torch.save(found, directory / f"found{dist.get_rank()}.pt")
    dist.barrier()
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes saved and found."""
    directory = tmp_path_factory.mktemp("meshes")
    trouble = wait(start(2, [__file__, str(directory)], directory), progress=lambda: 0, patience_s=200)
    assert trouble is None, "\n".join(path.read_text()[-3000:] for path in directory.glob("rank*.log"))
    return directory


def test_shards_go_on_bit_by_bit(directory: Path) -> None:
    found = torch.load(directory / "found0.pt")
    assert found["resumed"]["losses"] == found["undisturbed"]["losses"]
    expected = found["undisturbed"]["weights"]
    assert all(torch.equal(value, expected[name]) for name, value in found["resumed"]["weights"].items())


def test_a_flaw_that_one_process_sees_is_passed_over_by_all(directory: Path) -> None:
    for rank in range(2):
        [warning] = torch.load(directory / f"found{rank}.pt")["warnings"]
        assert "step 3 is damaged and is passed over: shard-00001.safetensors has 1 bytes" in warning


def saved(directory: Path, module: nn.Module, *steps: int) -> None:
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    config = BASE.checkpoint
    made = Checkpointer(directory, config, spread(module), optimizer, control=None, report=lambda event, **more: None)
    for step in steps:
        made.save(step, {"metrics": {}}, wait=True)


def test_of_damaged_checkpoints_each_is_named_and_the_newest_sound_one_is_taken(tmp_path: Path) -> None:
    saved(tmp_path, nn.Linear(2, 2), 1, 2)
    publish(begin(tmp_path, 3), state={}, files={"gone": {"bytes": 1, "sha256": ""}})
    publish(begin(tmp_path, 4), state={}, files={}).marker_path.write_text("?")
    begin(tmp_path, 5)
    said: list[str] = []
    found = newest_sound(tmp_path, None, warn=said.append)
    assert found is not None
    assert found.step == 2
    assert [line.partition(" is damaged")[0] for line in said] == [
        "the checkpoint at step 4",
        "the checkpoint at step 3",
    ]


def test_without_checkpoints_none_is_found(tmp_path: Path) -> None:
    assert newest_sound(tmp_path / "nowhere", None, warn=print) is None


class Renamed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight, self.offset = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))


class Unbiased(nn.Linear):
    def __init__(self) -> None:
        super().__init__(2, 2, bias=False)


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (lambda: nn.Linear(3, 2), r"its weight has the shape \[2, 2\], the model's \[2, 3\]"),
        (Unbiased, "it has bias, which the model has not"),
        (Renamed, "it has bias, which the model has not"),
        (lambda: nn.BatchNorm1d(2), r"it has|it lacks|its weight"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused_and_nothing_is_loaded(tmp_path: Path, other: Any, what: str) -> None:
    saved(tmp_path, nn.Linear(2, 2), 1)
    module = other()
    before: dict[str, Tensor] = {name: value.clone() for name, value in module.state_dict().items()}
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with pytest.raises(RequestError, match=what):
        load(published(tmp_path)[-1], spread(module), optimizer, None)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


if __name__ == "__main__":
    os.environ["ACCELERATE_USE_CPU"] = "true"
    worker(Path(sys.argv[1]))
