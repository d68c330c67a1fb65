"""A checkpoint back into a spread model and its optimizer, on any mesh."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import Tensor
from torch.distributed.checkpoint import HuggingFaceStorageReader
from torch.distributed.checkpoint.api import CheckpointException

from launcher.checkpoints.marker import Checkpoint, published, set_aside, sweep
from launcher.checkpoints.whole import Tensors
from launcher.errors import NonFiniteError, RequestError
from launcher.parallel.state import (
    MODEL,
    OPTIMIZER,
    fill_optimizer_state,
    in_single_blocks,
    model_state,
    optimizer_state,
    take_blocks,
    take_optimizer_state,
)
from launcher.training.preflight import other_model, weights_prefix
from launcher.training.state import from_state

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from launcher.parallel.spread import Spread
    from launcher.training.build import Assembly
    from launcher.training.guard import RollBack


def restore(job: Assembly) -> None:
    """Put the newest sound checkpoint of the run into the job, else the weights that it begins with, and say so."""
    group, checkpoint = job.control, None
    if job.config.strategy.zero_stage is None:
        directory = job.run.checkpoints_dir
        if published(directory):
            job.report("phase", name="comparing the files of the newest checkpoint with its marker")
        checkpoint = newest_sound(directory, group, warn=job.warn)
        if job.accelerator.is_main_process and job.checkpointer is not None:
            _clear(directory, newest=checkpoint, warn=job.warn)
    if checkpoint is None:
        if job.config.init_from is not None:
            job.report("phase", name=f"beginning with the weights in {job.config.init_from}")
            load_weights(Path(job.config.init_from), job.model, group)
        if job.run.last_step() is not None:
            job.report("resumed", step=0)
        return
    job.report("phase", name=f"loading the checkpoint at step {checkpoint.step}")
    load(checkpoint, job.model, job.optimizer, group)
    job.position = from_state(job, checkpoint.read())
    job.meter.earlier_seconds = job.position.train_seconds
    job.meter.num_steps = job.num_steps - job.position.step
    job.report("resumed", step=job.position.step)


def roll_back(job: Assembly, order: RollBack) -> None:
    """Put the last checkpoint into the job; what it learnt from the samples since is forgotten.

    Raises:
        NonFiniteError: there is no checkpoint yet.
    """
    assert job.checkpointer is not None  # the config was checked
    job.checkpointer.finish()
    directory = job.run.checkpoints_dir
    checkpoint = newest_sound(directory, job.control, warn=job.warn)
    if checkpoint is None:
        raise NonFiniteError(f"{order.why}, and there is no checkpoint yet to go back to")
    if job.accelerator.is_main_process:
        _clear(directory, newest=checkpoint, warn=job.warn)
    load(checkpoint, job.model, job.optimizer, job.control)
    was = from_state(job, checkpoint.read())
    job.position = replace(job.position, window_losses=was.window_losses, window_terms=was.window_terms)
    job.warn(
        f"{order.why}; back to the checkpoint at step {checkpoint.step}, and on behind step {order.step}: "
        "the samples between are skipped"
    )


def newest_sound(
    directory: Path, group: dist.ProcessGroup | None, *, warn: Callable[[str], object]
) -> Checkpoint | None:
    """The newest checkpoint whose files are what the marker says; those passed over are named in a warning.

    Processes share out the reading; all return the same.
    """
    rank, size = (0, 1) if group is None else (dist.get_rank(group), dist.get_world_size(group))
    for checkpoint in _agreed(published(directory), group):
        try:
            mine: list[str] | None = checkpoint.file_names()[rank::size]
        except ValueError:
            mine = None
        flaws: list[str | None] = [checkpoint.flaw(mine)]
        if group is not None:
            everybodys: list[Any] = [None] * size
            dist.all_gather_object(everybodys, flaws[0], group=group)
            flaws = everybodys
        flaw = next((found for found in flaws if found is not None), None)
        if flaw is None:
            return checkpoint
        warn(f"the checkpoint at step {checkpoint.step} is damaged and is passed over: {flaw}")
    return None


def load(checkpoint: Checkpoint, model: Spread, optimizer: Optimizer, group: dist.ProcessGroup | None) -> None:
    """Fill model and optimizer in place.

    Raises:
        RequestError: the checkpoint is of another model.
    """
    saved = Tensors(checkpoint.path).shapes
    _refuse_other_model(model, saved, where=checkpoint.path)
    if any(name.startswith(OPTIMIZER) for name in saved):
        fill_optimizer_state(optimizer)
    state: dict[str, Tensor] = model_state(model) | {
        name: value for name, value in optimizer_state(model, optimizer).items() if name in saved
    }
    load_tensors(state, checkpoint.path, group)
    take_optimizer_state(model, optimizer, state, set(saved))


def load_weights(path: Path, model: Spread, group: dist.ProcessGroup | None) -> None:
    """Fill the model from a checkpoint, or from safetensors files with the model's own names.

    Raises:
        RequestError: they are of another model.
    """
    shapes = Tensors(path).shapes
    _refuse_other_model(model, shapes, where=path)
    prefix, state = weights_prefix(shapes), model_state(model)
    names = {name: f"{prefix}{name.removeprefix(MODEL)}" for name in state}
    load_tensors({names[name]: value for name, value in state.items()}, path, group)


def load_tensors(state: Mapping[str, Tensor], path: Path, group: dist.ProcessGroup | None) -> None:
    """Read tensors in place from the safetensors files of a directory, each process its parts."""
    detached = {name: value.detach() for name, value in state.items()}
    blocks = in_single_blocks(detached)
    reader = HuggingFaceStorageReader(str(path))
    try:
        dcp.load(blocks, storage_reader=reader, process_group=group, no_dist=group is None)
    except CheckpointException as error:  # no Exception, so nobody would catch it
        raise next(iter(error.failures.values()))[0] from error
    take_blocks(detached, blocks)


def _refuse_other_model(model: Spread, found: Mapping[str, tuple[int, ...]], *, where: Path) -> None:
    if (refusal := other_model(found, model.layout(), where=where)) is not None:
        raise RequestError(refusal)


def _clear(directory: Path, *, newest: Checkpoint | None, warn: Callable[[str], object]) -> None:
    """Leave nothing that could be taken for a newer checkpoint; nobody may be writing one."""
    for checkpoint in published(directory):
        if newest is None or checkpoint.step > newest.step:
            set_aside(checkpoint)
    for name in sweep(directory):
        warn(f"{name} has no marker: its writing or its deletion was broken off; it is no checkpoint and is removed")


def _agreed(checkpoints: list[Checkpoint], group: dist.ProcessGroup | None) -> list[Checkpoint]:
    """Newest first, as process 0 sees them."""
    paths = [str(checkpoint.path) for checkpoint in reversed(checkpoints)]
    if group is not None:
        shared: list[Any] = [paths]
        dist.broadcast_object_list(shared, src=0, group=group)
        paths = shared[0]
    return [Checkpoint(Path(path)) for path in paths]
