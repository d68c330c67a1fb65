"""A position as the marker of a checkpoint holds it, with what must not change until it is taken up again."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from launcher.data.loader import steps_per_epoch
from launcher.errors import RequestError
from launcher.training.position import Position

if TYPE_CHECKING:
    from launcher.training.build import Assembly


def identity(job: Assembly) -> dict[str, Any]:
    """What must be the same for a resumed run to see every sample once, in the same order."""
    return {
        "seed": job.config.trainer.seed,
        "global_batch_size": job.plan.global_batch_size,
        "num_samples": len(job.train_rows),
    }


def to_state(job: Assembly, position: Position) -> dict[str, Any]:
    """What the marker of a checkpoint holds."""
    known = identity(job)
    per_epoch = steps_per_epoch(known["num_samples"], known["global_batch_size"])
    epoch, within = divmod(position.step, per_epoch)
    scaler = job.accelerator.scaler
    return {
        **asdict(position),
        **known,
        "epoch": epoch,
        "samples": epoch * known["num_samples"] + within * known["global_batch_size"],
        "run_id": job.run.id,
        "mesh": str(job.plan.axes),
        "scaler": None if scaler is None else scaler.state_dict(),
    }


def from_state(job: Assembly, state: dict[str, Any]) -> Position:
    """The position that a marker holds; the loss scale goes back to its scaler.

    Raises:
        RequestError: the checkpoint saw other data, or the same in another order.
    """
    for key, value in identity(job).items():
        if state[key] != value:
            raise RequestError(
                f"the checkpoint at step {state['step']} was taken with {key} {state[key]}, and now it is {value}: "
                "samples would be seen twice or never"
            )
    if state["scaler"] is not None and job.accelerator.scaler is not None:
        job.accelerator.scaler.load_state_dict(state["scaler"])
    return Position(**{name: state[name] for name in Position.__slots__})
