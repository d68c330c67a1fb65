"""Reading whole runs, for what no glance can tell."""

from __future__ import annotations

import sys
import time
import traceback
from concurrent.futures import Future, ThreadPoolExecutor, wait

from launcher.dashboard.index.rows import encode_extremes
from launcher.dashboard.index.watch import Watched
from launcher.dashboard.places import Place
from launcher.dashboard.reading.glance import extremes
from launcher.dashboard.reading.opened import OpenRun

SYSTEM = "system/"
"""Metrics of the machine are no part of the table."""


class WholeReader:
    """Reads one run after the other in a thread of its own, so that a large one keeps nobody waiting."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._reading: tuple[Watched, str, Future[bytes]] | None = None

    @property
    def is_busy(self) -> bool:
        return self._reading is not None

    def begin(self, run: Watched) -> None:
        """Read a run; nothing else is being read."""
        assert self._reading is None
        run.read_at = time.monotonic()
        self._reading = (run, run.signature, self._thread.submit(_read, run.place))

    def wait(self, timeout_s: float) -> None:
        """Until the run is read, or the time is over."""
        if self._reading is None:
            time.sleep(timeout_s)
        else:
            wait([self._reading[2]], timeout=timeout_s)

    def take(self) -> tuple[Watched, bytes] | None:
        """The run that was read, and its extremes as the index keeps them; None while there is none."""
        if self._reading is None or not self._reading[2].done():
            return None
        run, signature, future = self._reading
        self._reading = None
        run.read_took_s = time.monotonic() - run.read_at
        run.read_signature = signature
        try:
            return run, future.result()
        except Exception:  # one run must not keep all others from being read, and is tried again once it changes
            print(f"{run.place.path}:", file=sys.stderr)
            traceback.print_exc()
            return run, encode_extremes({})


def _read(place: Place) -> bytes:
    run = OpenRun(place)
    run.read()
    return encode_extremes({name: pair for name, pair in extremes(run).items() if not name.startswith(SYSTEM)})
