"""Where a run stands after a step: what a checkpoint holds beside tensors, and what a resumed worker begins with."""

from __future__ import annotations

from dataclasses import dataclass, field


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
