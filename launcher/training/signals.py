"""How a worker hears that it should stop."""

from __future__ import annotations

import signal
from types import FrameType

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stopped(BaseException):
    """A signal asked this worker to stop; no `except Exception` of user code may swallow it."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum


_received: list[int] = []


def install() -> None:
    """Raise `Stopped` at the first signal; later ones change nothing."""
    for signum in STOPPING:
        signal.signal(signum, _handle)


def shield() -> None:
    """Let no signal interrupt what follows: the worker is ending already."""
    for signum in STOPPING:
        signal.signal(signum, signal.SIG_IGN)


def received() -> int | None:
    """The signal that asked this worker to stop, if one has."""
    return _received[0] if _received else None


def _handle(signum: int, frame: FrameType | None) -> None:
    if not _received:
        _received.append(signum)
        raise Stopped(signum)
