"""Checkpoints of a worker: when, of what, in the background, and back."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException

from launcher import words
from launcher.checkpoints.marker import Checkpoint, checkpoint_path, delete, published
from launcher.checkpoints.policy import surplus
from launcher.checkpoints.storage import ShardWriter
from launcher.parallel.accelerator import host_group
from launcher.parallel.state import (
    bytes_to_write,
    in_single_blocks,
    local_part,
    model_state,
    optimizer_state,
    own_share,
)
from launcher.training.staging import Staging

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from launcher.config.schema import CheckpointConfig
    from launcher.parallel.spread import Spread

RETRY_S = 60.0
SPARE_BYTES = 16 * 2**20
"""What stays free for logs and metrics."""


class Checkpointer:
    """Takes and publishes checkpoints of one model; every process has one and calls it at the same steps.

    The caller waits for the copy to the host's memory; a thread writes, through a process group of its own.
    """

    def __init__(
        self,
        directory: Path,
        config: CheckpointConfig,
        model: Spread,
        optimizer: Optimizer,
        *,
        control: dist.ProcessGroup | None,
        report: Callable[..., None],
    ) -> None:
        self._directory, self._config, self._report = directory, config, report
        self._model, self._optimizer = model, optimizer
        self._control, self._group = control, host_group()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing: Future[None] | None = None
        self._staging = Staging()
        self._is_main = model.mesh.rank == 0
        self._due_at = time.monotonic() + self._period_s()

    @property
    def is_due(self) -> bool:
        """Whether it is time for a checkpoint by the clock of this process."""
        return time.monotonic() >= self._due_at

    @property
    def busy(self) -> bool:
        """Whether the last checkpoint is still being written here."""
        return self._writing is not None and not self._writing.done()

    def save(self, step: int, state: Mapping[str, Any], *, wait: bool = False) -> None:
        """Take a checkpoint after `step` steps; `state` is the same on every process and stands in the marker.

        Where the disk has no room it warns, and tries again a minute later.
        """
        self.finish()
        mine = self._share()
        if (missing := self._missing_bytes(bytes_to_write(mine, self._model.mesh))) > 0:
            self._postpone(f"the checkpoint at step {step} needs {words.size(missing)} more on the disk")
            return
        self._due_at = time.monotonic() + self._period_s()
        self._staging.copy({name: local_part(value) for name, value in mine.items()})
        described = {name: value.detach() for name, value in mine.items()}
        self._writing = self._writer.submit(self._write, step, dict(state), described)
        if wait or not self._config.async_:
            self.finish()

    def finish(self) -> None:
        """Wait until the last checkpoint is written, or has failed."""
        if self._writing is not None:
            self._writing.result()

    def prepare(self) -> None:
        """In the background, reserve what checkpoints are copied to; once the optimizer has its state."""
        parts = {name: local_part(value) for name, value in self._share().items()}
        self._writing = self._writer.submit(self._staging.reserve, parts)

    def _share(self) -> dict[str, Tensor]:
        state = in_single_blocks(model_state(self._model) | optimizer_state(self._model, self._optimizer))
        return own_share(state, self._model.mesh)

    def _write(self, step: int, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        """In the thread: write, publish, delete what the policy does not keep."""
        begun = time.monotonic()
        writer = ShardWriter(self._directory, step=step, staged=self._staging.rooms, state=state)
        try:
            dcp.save(tensors, storage_writer=writer, process_group=self._group, no_dist=self._group is None)
        except CheckpointException as error:
            causes = [cause for cause, _ in error.failures.values()]
            for cause in causes:
                if not isinstance(cause, OSError):  # the exception of torch is no Exception, so nobody would catch it
                    raise cause from error
            if self._is_main:
                shutil.rmtree(checkpoint_path(self._directory, step), ignore_errors=True)
            self._postpone(f"the checkpoint at step {step} could not be written: {causes[0]}")
            return
        if self._is_main:
            seconds = time.monotonic() - begun
            written = Checkpoint(checkpoint_path(self._directory, step))
            self._report("checkpoint", step=step, seconds=seconds, bytes=written.num_bytes())
            self._delete_surplus()

    def _missing_bytes(self, num_bytes: float) -> int:
        """How much too little room the disk has for what all processes are about to write, as process 0 sees it."""
        sizes = torch.tensor([num_bytes], dtype=torch.float64)
        if self._control is not None:
            dist.all_reduce(sizes, group=self._control)
        missing = torch.zeros(1, dtype=torch.float64)
        if self._is_main:
            with contextlib.suppress(OSError):  # what is wrong with the disk, writing will say
                self._directory.mkdir(parents=True, exist_ok=True)
                missing += sizes + SPARE_BYTES - shutil.disk_usage(self._directory).free
        if self._control is not None:
            dist.broadcast(missing, src=0, group=self._control)
        return int(missing)

    def _postpone(self, why: str) -> None:
        self._due_at = time.monotonic() + RETRY_S
        if self._is_main:
            self._report("warning", message=f"{why}; training goes on, and it is tried again in a minute")

    def _delete_surplus(self) -> None:
        for checkpoint in surplus(published(self._directory), self._config):
            try:
                delete(checkpoint)
            except OSError as error:
                self._report("warning", message=f"{checkpoint.path.name} could not be deleted: {error.strerror}")

    def _period_s(self) -> float:
        minutes = self._config.every_minutes
        return float("inf") if minutes is None else minutes * 60.0
