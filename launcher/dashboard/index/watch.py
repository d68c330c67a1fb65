"""Whether the files of a run have changed, and when to look again."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field

from launcher.dashboard.places import WINDLASS, Place
from launcher.runs import ACTIVE, Run

LIVENESS_S, WANDB_LIVENESS_S = 3.0, 15.0
"""A process that died leaves no sign: an active run is glanced at so often though none of its files changed."""
REREAD_S, REREAD_SHARE = 60.0, 0.02
"""An active run is read whole again after so long, and for no more than this share of the time."""


@dataclass(slots=True, kw_only=True)
class Watched:
    """What is known of one run. Times are on the monotonic clock."""

    place: Place
    state: str = ""
    signature: str = ""  # of its files at the last glance
    glanced_at: float = -math.inf
    body: int | None = None  # hash of what that gave
    read_signature: str | None = None  # of its files when it was read whole
    read_at: float = -math.inf
    read_took_s: float = 0.0
    _paths: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.move(self.place)

    def move(self, place: Place) -> None:
        """It has other files now."""
        self.place = place
        run = Run(place.path)
        paths = (run.job_path, run.path, run.events_path) if place.kind == WINDLASS else (place.files[-1],)
        self._paths = tuple(str(path) for path in paths)

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE

    def look(self) -> str | None:
        """The signature of its files now; None where it is gone.

        Raises:
            OSError: the file system does not answer.
        """
        first, *others = self._paths
        signature = _look(first, fresh=self.is_active)
        if signature is None:
            return None
        return " ".join([signature, *(_look(path, fresh=self.is_active) or "-" for path in others)])

    def wants_glance(self, signature: str, now: float) -> bool:
        """Whether what is known may no longer hold."""
        if signature != self.signature:
            return True
        liveness_s = LIVENESS_S if self.place.kind == WINDLASS else WANDB_LIVENESS_S
        return self.is_active and now - self.glanced_at >= liveness_s

    def wants_reading(self, now: float) -> bool:
        """Whether the whole of it should be read: once after its end, and now and then before."""
        if self.read_signature == self.signature:
            return False
        return not self.is_active or now - self.read_at >= max(REREAD_S, self.read_took_s / REREAD_SHARE)


def _look(path: str, *, fresh: bool) -> str | None:
    try:
        found = _fresh_stat(path) if fresh else os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return f"{found.st_mtime_ns} {found.st_size} {found.st_ino}"


def _fresh_stat(path: str) -> os.stat_result:
    """What a network file system says when it is asked anew: it answers `stat` from memory for up to a minute."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        return os.fstat(descriptor)
    finally:
        os.close(descriptor)
