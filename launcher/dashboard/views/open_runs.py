"""Runs that somebody looks at, kept open so that only what is new is read."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from launcher.dashboard.reading.opened import OpenRun
from launcher.dashboard.views.held import held

if TYPE_CHECKING:
    from launcher.dashboard.index.index import Index
    from launcher.dashboard.places import Place

MAX_BYTES = 120 << 20


class OpenRuns:
    """Open runs by key, those last used of about `max_bytes` together; usable from several threads."""

    def __init__(self, index: Index, *, max_bytes: int = MAX_BYTES) -> None:
        self._index, self._max_bytes = index, max_bytes
        self._runs: OrderedDict[str, OpenRun] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> OpenRun | None:
        """The run of a key, with all that it logged up to now; None where there is none (any more)."""
        place = self._index.place(key)
        if place is None:
            with self._lock:
                self._runs.pop(key, None)
            return None
        run = self._find(place)
        with held(run).lock:
            if run.place != place:
                run.update(place)
            run.read()
        self._close_others(key)
        return run

    @property
    def nbytes(self) -> int:
        """About how much memory all open runs take."""
        with self._lock:
            return sum(run.nbytes for run in self._runs.values())

    def _find(self, place: Place) -> OpenRun:
        with self._lock:
            run = self._runs.get(place.key)
            if run is None:
                run = self._runs[place.key] = OpenRun(place)
            self._runs.move_to_end(place.key)
            return run

    def _close_others(self, key: str) -> None:
        """Close runs that were not used for longest, until the rest is small enough or only this one is left."""
        with self._lock:
            total = sum(run.nbytes for run in self._runs.values())
            for other in list(self._runs):
                if total <= self._max_bytes:
                    return
                if other != key:
                    total -= self._runs.pop(other).nbytes
