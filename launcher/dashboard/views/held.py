"""What the server remembers of a run while it is open: who reads it now, and how far those have seen it who ask.

A cursor names what a reader has seen: `<opening>.<generation>-<version>`. How many points each metric had then is
remembered here, and as within a generation a metric only grows, what comes after them is new. A cursor that is not
remembered (the run was closed in the meantime, points were taken back, or the cursor is very old) says nothing, and its
owner reads anew.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from launcher.dashboard.reading.opened import OpenRun

REMEMBERED = 4096
"""Cursors of a run; at two changes a second those of the last half hour."""
REMEMBERED_BYTES = 8 << 20
"""Of one run; with ten thousand metrics those of the last minute or two."""

_HELD: WeakKeyDictionary[OpenRun, Held] = WeakKeyDictionary()
_LOCK = threading.Lock()


@dataclass(slots=True, kw_only=True)
class Held:
    """What is remembered of one open run."""

    lock: threading.RLock = field(default_factory=threading.RLock)  # held by whoever reads the run
    _opening: str = field(default_factory=lambda: secrets.token_hex(3))
    _places: dict[str, int] = field(default_factory=dict)  # of metrics in what `_given` holds
    _given: OrderedDict[str, NDArray[np.int32]] = field(default_factory=OrderedDict)  # cursor -> points of each metric
    _nbytes: int = 0  # of these

    def cursor(self, run: OpenRun) -> str:
        """The name of all that the run holds now."""
        cursor = f"{self._opening}.{run.generation}-{run.version}"
        if cursor not in self._given:
            counts = run.counts()
            for name in counts:
                self._places.setdefault(name, len(self._places))
            points = np.zeros(len(self._places), dtype=np.int32)
            points[[self._places[name] for name in counts]] = list(counts.values())
            self._given[cursor] = points
            self._nbytes += points.nbytes
            while len(self._given) > 1 and (len(self._given) > REMEMBERED or self._nbytes > REMEMBERED_BYTES):
                _, oldest = self._given.popitem(last=False)
                self._nbytes -= oldest.nbytes
        return cursor

    def seen(self, run: OpenRun, cursor: str) -> dict[str, int] | None:
        """How many points of each metric the owner of a cursor has seen; None where he must read anew."""
        points = self._given.get(cursor)
        if points is None or not cursor.startswith(f"{self._opening}.{run.generation}-"):
            return None
        return {name: int(points[place]) for name, place in self._places.items() if place < len(points)}


def held(run: OpenRun) -> Held:
    """What is remembered of a run; made with its first use, gone with the run."""
    with _LOCK:
        found = _HELD.get(run)
        if found is None:
            found = _HELD[run] = Held()
        return found
