"""How a worker hears that it should stop.

While it builds or finishes, a signal raises `Stopped` wherever it stands. In the step loop it is noted, so that all
processes can take a checkpoint first and leave together; if they don't within the grace time, it raises after all.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)


class Stopped(BaseException):
    """A signal asked the workers to stop; no `except Exception` of user code may swallow it."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum


_received: list[int] = []
_grace_s: list[float] = []


def install() -> None:
    """Raise `Stopped` at the first signal; later ones change nothing."""
    for signum in STOPPING:
        signal.signal(signum, _handle)
    signal.signal(signal.SIGALRM, _give_up)


def shield() -> None:
    """Let no signal interrupt what follows: the worker is ending already."""
    for signum in (*STOPPING, signal.SIGALRM):
        signal.signal(signum, signal.SIG_IGN)


def received() -> int | None:
    """The signal that asked this worker to stop, if one has."""
    return _received[0] if _received else None


@contextlib.contextmanager
def noted(grace_s: float) -> Iterator[None]:
    """Only note a signal in here; its `Stopped` comes `grace_s` seconds later, unless the caller leaves before."""
    _grace_s.append(grace_s)
    try:
        yield
    finally:
        _grace_s.clear()
        signal.setitimer(signal.ITIMER_REAL, 0.0)
    if _received:
        raise Stopped(_received[0])


def _handle(signum: int, frame: FrameType | None) -> None:
    if _received:
        return
    _received.append(signum)
    if not _grace_s:
        raise Stopped(signum)
    signal.setitimer(signal.ITIMER_REAL, _grace_s[0])


def _give_up(signum: int, frame: FrameType | None) -> None:
    raise Stopped(_received[0])
