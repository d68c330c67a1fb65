"""How long a worker has stood still, and how long it may."""

from __future__ import annotations

from dataclasses import dataclass

LOOK_S = 0.5
PAUSE_S = 4 * LOOK_S
"""A longer gap between two looks means that this process did not run: it was stopped, or its lock was held."""
AUTO_AFTER_STEPS = 5
AUTO_LEAST_S = 60.0
AUTO_FACTOR = 20.0


@dataclass(frozen=True, slots=True)
class State:
    """What a look sees; any difference between two is progress."""

    phase: str
    step: int | None  # the last one that is done
    changes: int  # of phases so far
    stepping: bool  # in the loop, after the first step of this attempt


class Patience:
    """Counts from look to look, about `LOOK_S` apart; all times are monotonic seconds."""

    def __init__(self, *, step_timeout_s: float | str | None = None, phase_timeout_s: float | None = None) -> None:
        self._step_timeout_s, self._phase_timeout_s = step_timeout_s, phase_timeout_s
        self._state: State | None = None
        self._looked_s = 0.0
        self._still_s = 0.0
        self._since_s = 0.0
        self._steps = 0
        self._slowest_s = 0.0

    def look(self, now_s: float, state: State) -> float:
        """Seconds without progress. Time in which this process did not run does not count."""
        before, gap_s = self._state, now_s - self._looked_s
        if before is None or state != before:
            if before is not None and before.stepping and state.stepping and state.changes == before.changes:
                self._steps += (state.step or 0) - (before.step or 0)
                self._slowest_s = max(self._slowest_s, now_s - self._since_s)
            self._since_s, self._still_s = now_s, 0.0
        else:
            self._still_s += gap_s if gap_s <= PAUSE_S else LOOK_S
        self._looked_s, self._state = now_s, state
        return self._still_s

    def limit(self, state: State) -> float | None:
        """Seconds that this state may last; None for any number."""
        if not state.stepping:
            return self._phase_timeout_s
        if not isinstance(self._step_timeout_s, str):
            return self._step_timeout_s
        if self._steps < AUTO_AFTER_STEPS:
            return None
        return max(AUTO_LEAST_S, AUTO_FACTOR * self._slowest_s)
