"""How fast it goes: throughput, model FLOPs utilisation, memory, time left."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass, field

import torch


@dataclass(slots=True, kw_only=True)
class Meter:
    """Rates over the time that training took in this attempt; evaluation is left out by `resume`."""

    num_steps: int  # of this attempt
    tokens_per_sample: int | None
    flops_per_sample: float | None  # forward and backward
    peak_flops: float | None  # of all devices together
    steps: int = 0
    samples: int = 0
    earlier_seconds: float = 0.0  # that earlier attempts trained
    seconds: float = 0.0
    _since: float = field(default_factory=time.perf_counter)
    _window_samples: int = 0

    def count(self, samples: int) -> None:
        """One step over so many samples (of all ranks) is done."""
        self.steps += 1
        self._window_samples += samples

    def resume(self) -> None:
        """Begin a window; what happened before it is not counted."""
        self._since = time.perf_counter()

    def read(self) -> dict[str, float]:
        """End a window: its rates, and the seconds left at the pace of the whole run."""
        now = time.perf_counter()
        elapsed = max(now - self._since, 1e-9)
        rates = self._rates(self._window_samples, elapsed)
        self.seconds += elapsed
        self.samples += self._window_samples
        self._since, self._window_samples = now, 0
        if self.steps:
            rates["seconds_left"] = self.seconds / self.steps * (self.num_steps - self.steps)
        return rates

    def seconds_so_far(self) -> float:
        """Seconds of training up to now, of all attempts."""
        return self.earlier_seconds + self.seconds + time.perf_counter() - self._since

    def totals(self) -> dict[str, float]:
        """Rates over this attempt, and the seconds of training of all attempts."""
        rates = self._rates(self.samples, max(self.seconds, 1e-9))
        return {**rates, "train_seconds": self.earlier_seconds + self.seconds}

    def _rates(self, samples: int, seconds: float) -> dict[str, float]:
        rates = {"samples_per_second": samples / seconds}
        if self.tokens_per_sample is not None:
            rates["tokens_per_second"] = samples * self.tokens_per_sample / seconds
        if self.flops_per_sample is not None and self.peak_flops is not None:
            rates["mfu"] = samples * self.flops_per_sample / seconds / self.peak_flops
        return rates


def peak_memory_bytes(device: torch.device) -> int:
    """The most memory this process has held: on its GPU, else resident in the host's memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
