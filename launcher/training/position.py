"""Where a run stands after a step: what a checkpoint holds beside tensors, and what a resumed worker begins with."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from launcher.data.loader import steps_per_epoch
from launcher.errors import EngineError

if TYPE_CHECKING:
    from launcher.training.build import Assembly


@dataclass(slots=True, kw_only=True)
class Position:
    """Everything is global: a run may go on with other processes."""

    step: int = 0  # optimizer steps that are done
    window_losses: list[float] = field(default_factory=list)  # loss sums of the steps since the last report
    window_terms: float = 0.0
    train_seconds: float = 0.0  # of all attempts
    wall_seconds: float = 0.0
    device_seconds: float = 0.0
    skipped_steps: int = 0  # by `trainer.on_non_finite`
    recent_losses: list[float] = field(default_factory=list)  # what `trainer.spike_factor` compares with
    metrics: dict[str, float] = field(default_factory=dict)  # of the validation split, if evaluated after this step


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
        EngineError: the checkpoint saw other data, or the same in another order.
    """
    for key, value in identity(job).items():
        if state[key] != value:
            raise EngineError(
                f"the checkpoint at step {state['step']} was taken with {key} {state[key]}, and now it is {value}: "
                "samples would be seen twice or never"
            )
    if state["scaler"] is not None and job.accelerator.scaler is not None:
        job.accelerator.scaler.load_state_dict(state["scaler"])
    return Position(**{name: state[name] for name in Position.__slots__})
