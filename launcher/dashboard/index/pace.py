"""How often something is done."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Pace:
    """Something is due again after `least_s`, or so much later that it takes no more than a share of the time.

    It waits for `most_s` at most. Times are on the monotonic clock, so that it does not matter who sets the other one.
    """

    least_s: float
    share: float
    most_s: float = 15.0
    due: float = -math.inf

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self.due

    @contextlib.contextmanager
    def doing(self) -> Iterator[None]:
        """Do it."""
        began = time.monotonic()
        yield
        now = time.monotonic()
        self.due = now + min(max(self.least_s, (now - began) / self.share), self.most_s)
