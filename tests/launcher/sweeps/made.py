"""Trials in a ledger as a sweep leaves them, made by hand."""

from __future__ import annotations

from typing import Any

from launcher.sweeps.ledger import FINISHED, Ledger, Trial

LOSS = "validation/loss"


def add(
    ledger: Ledger,
    state: str = FINISHED,
    *,
    loss: float | None = None,
    losses: tuple[float | None, ...] = (),
    seconds: float = 1.0,
    reason: str | None = None,
    values: dict[str, Any] | None = None,
    **overrides: str,
) -> Trial:
    """A trial that ended: `losses` at its evaluations and `loss` at its end; `a__b="1"` overrides `a.b`."""
    trial = ledger.propose({key.replace("__", "."): value for key, value in overrides.items()})
    ledger.start(trial, slot=("0",))
    for step, each in enumerate(losses, 1):
        ledger.report(trial, {LOSS: each}, step=step)  # type: ignore[dict-item]
    values = values if loss is None else {LOSS: loss}
    ledger.end(trial, state, values=values, device_seconds=seconds, reason=reason)
    return trial
