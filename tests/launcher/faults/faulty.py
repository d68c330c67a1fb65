"""An MLP whose workers meet the faults that a test asks for: each at one exact point, once.

The directory in `WINDLASS_FAULTS` holds a file `<point>-<step>-<rank>` for each fault that is still to come. It says
what happens: `kill` and whom (`worker`, `server`, `agent`, `parent`), or `full` or `room` (of the disk). Workers leave
there what they met (`met.jsonl`) and which samples they saw (`samples/`).

Importing this module puts the points into Windlass where that variable is set.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
from torch import Tensor

from launcher.checkpoints import marker, storage
from launcher.runs import Run, runs_root
from launcher.training import checkpointer, loop
from models.mlp import MLP

POINTS_OF_A_WRITER = (
    "before it begins",
    "in an empty directory",
    "before the header",
    "in a tensor",
    "file written",
    "before the marker",
    "marker not named yet",
    "marker named",
    "published",
)
POINTS_OF_A_DELETION = ("before the deletion", "marker deleted", "file deleted", "directory deleted")
FULL_DISK_BYTES = 4096

_now = SimpleNamespace(step=0, saving=0, samples=None)


class FaultyMLP(MLP):
    """As MLP; while it trains, every sample that it sees is written down."""

    def __init__(
        self, *, num_features: int, num_outputs: int, width: int, depth: int, dropout: float, activation: str
    ) -> None:
        super().__init__(
            num_features=num_features,
            num_outputs=num_outputs,
            width=width,
            depth=depth,
            dropout=dropout,
            activation=activation,
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, F) to (B, K)."""
        if self.training and "RANK" in os.environ:
            _write_down(inputs)
        return super().forward(inputs)


def _directory() -> Path:
    return Path(os.environ["WINDLASS_FAULTS"])


def _now_in() -> tuple[str, int]:
    """The run and the attempt, as this worker's log tells."""
    attempt = Path("/proc/self/fd/1").readlink().parent
    return attempt.parents[1].name, int(attempt.name.removeprefix("attempt_"))


def _write_down(inputs: Tensor) -> None:
    """Which samples this rank learns from at this step."""
    rows = [hashlib.sha256(row.numpy().tobytes()).hexdigest()[:16] for row in inputs.detach()]
    _, attempt = _now_in()
    if _now.samples is None:
        path = _directory() / "samples" / f"{attempt}-{os.environ['RANK']}-{os.getpid()}.jsonl"
        path.parent.mkdir(exist_ok=True)
        _now.samples = path.open("ab", buffering=0)
    with contextlib.suppress(OSError):  # a test made the disk full
        _now.samples.write(json.dumps({"attempt": attempt, "step": _now.step, "rows": rows}).encode() + b"\n")


def reach(point: str, step: int) -> None:
    """Meet the fault that waits here for this rank, if one does."""
    path = _directory() / f"{point}-{step}-{os.environ['RANK']}"
    try:
        what, _, whom = path.read_text().partition(" ")
    except FileNotFoundError:
        return
    path.unlink()
    run_id, attempt = _now_in()
    sound = [found.step for found in marker.published(Run(runs_root() / run_id).checkpoints_dir)]
    met = {"point": point, "step": step, "attempt": attempt, "published": sound}
    with (_directory() / "met.jsonl").open("a") as file:
        file.write(json.dumps(met) + "\n")
    if what == "kill":
        agents = [each for each in psutil.Process().parents() if "launcher.engines.agent" in each.cmdline()]
        server, agent = agents[0].pid, agents[-1].pid  # the same for a lone worker
        victims = {"worker": os.getpid(), "server": server, "agent": agent, "parent": agents[-1].ppid()}
        os.kill(victims[whom], signal.SIGKILL)
        time.sleep(60)  # nothing of this point's future happens
    limit = FULL_DISK_BYTES if what == "full" else resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


def _between(before: str | None, original: Any, after: str, step_of: Callable[..., int]) -> Any:
    """A function with a point after it, and mostly one before it."""

    def wrapped(*args: Any, **options: Any) -> Any:
        step = step_of(*args)
        if before is not None:
            reach(before, step)
        result = original(*args, **options)
        reach(after, step)
        return result

    return wrapped


def _step_seed(*args: Any, step: int, **options: Any) -> int:
    """Each step begins with its seed."""
    _now.step = step + 1
    reach("step", step + 1)
    time.sleep(float(os.environ.get("WINDLASS_FAULTS_PACE_S", "0")))
    return _original_step_seed(*args, step=step, **options)


def _write_data(writer: storage.ShardWriter, *args: Any) -> Any:
    _now.saving = writer._step
    return _original_write_data(writer, *args)


def _write(sink: storage.HashingSink, data: Any) -> None:
    """The header is the first thing that comes; of a tensor half is written at the point in it."""
    if sink.num_bytes == 0:
        reach("before the header", _now.saving)
    elif (_directory() / f"in a tensor-{_now.saving}-{os.environ['RANK']}").exists():
        sink._file.write(data[: len(data) // 2])
        sink._file.flush()
        reach("in a tensor", _now.saving)
    _original_write(sink, data)


def _replace(path: Path, target: Path) -> Path:
    """The marker gets its name."""
    if target.name != marker.MARKER:
        return _original_replace(path, target)
    step = marker.Checkpoint(target.parent).step
    reach("marker not named yet", step)
    _original_replace(path, target)
    reach("marker named", step)
    return target


def _rmtree(path: Path, **options: Any) -> None:
    """The files of a checkpoint whose marker is gone."""
    if path.name.removeprefix(marker.PREFIX).isdecimal():
        step = marker.Checkpoint(path).step
        reach("marker deleted", step)
        if (_directory() / f"file deleted-{step}-{os.environ['RANK']}").exists():
            next(path.iterdir()).unlink()
            reach("file deleted", step)
    shutil.rmtree(path, **options)


_original_step_seed = loop.step_seed
_original_write_data = storage.ShardWriter.write_data
_original_write = storage.HashingSink.write
_original_replace = Path.replace

if "WINDLASS_FAULTS" in os.environ:
    loop.step_seed = _step_seed
    storage.HashingSink.write = _write
    Path.replace = _replace
    storage.ShardWriter.write_data = _between(None, _write_data, "file written", lambda writer, *plan: writer._step)
    storage.begin = _between("before it begins", storage.begin, "in an empty directory", lambda directory, step: step)
    storage.publish = _between(
        "before the marker", storage.publish, "published", lambda path: marker.Checkpoint(path).step
    )
    checkpointer.delete = _between(
        "before the deletion", checkpointer.delete, "directory deleted", lambda checkpoint: checkpoint.step
    )
    marker.shutil = SimpleNamespace(rmtree=_rmtree)
