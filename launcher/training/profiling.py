"""A trace of a few steps, for chrome://tracing or Perfetto."""

from __future__ import annotations

from pathlib import Path

import torch.profiler

WAIT_STEPS, WARMUP_STEPS, ACTIVE_STEPS = 2, 2, 5


class Profiler:
    """Records steps 5 to 9 into `path`; without a path it does nothing."""

    def __init__(self, path: Path | None) -> None:
        self._profile: torch.profiler.profile | None = None
        if path is not None:
            self._profile = torch.profiler.profile(
                schedule=torch.profiler.schedule(wait=WAIT_STEPS, warmup=WARMUP_STEPS, active=ACTIVE_STEPS, repeat=1),
                on_trace_ready=lambda profile: profile.export_chrome_trace(str(path)),
            )
            self._profile.start()

    def step(self) -> None:
        """A training step has ended."""
        if self._profile is not None:
            self._profile.step()

    def close(self) -> None:
        """Write what has been recorded."""
        if self._profile is not None:
            self._profile.stop()
