"""Keeping an index fresh: find runs, glance at what changed, read whole runs in the spare time."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path

from launcher.dashboard.index.discover import Found, Search
from launcher.dashboard.index.pace import Pace
from launcher.dashboard.index.rows import encode
from launcher.dashboard.index.store import Kept, Store
from launcher.dashboard.index.watch import Watched
from launcher.dashboard.index.whole import WholeReader
from launcher.dashboard.places import SweepPlace
from launcher.dashboard.reading.glance import glance

ROUND_S = 0.5
COMMIT_S = 0.2
"""Rows appear so often while many runs are glanced at."""


class Tender:
    """Keeps one index fresh.

    Its methods raise `sqlite3.Error` where the index can't be written; what runs do to it, it bears.
    """

    def __init__(self, store: Store, roots: Iterable[Path]) -> None:
        self._store = store
        self._search = Search(roots)
        self._kept = {key: (state, signature, read) for key, state, signature, read in store.signatures()}
        self._watched: dict[str, Watched] = {}
        self._sweeps: tuple[SweepPlace, ...] | None = None
        self._batch: list[Kept] = []
        self._committed_at = time.monotonic()
        self._problems: dict[str, str] = {}  # by key of the run
        self._unread: list[Watched] = []  # the next one last
        self._whole = WholeReader()
        self._searching = Pace(least_s=2.0, share=0.01)
        self._active = Pace(least_s=ROUND_S, share=0.05)
        self._ended = Pace(least_s=2.0, share=0.005)

    def run(self) -> None:
        """Go on until the index is no longer the file that was opened."""
        while self._store.is_current:
            self.step()
            self._whole.wait(ROUND_S)

    def step(self) -> None:
        """Do once all that is due."""
        if self._searching.is_due:
            with self._searching.doing():
                found = self._search.run()
            self._meet(found)
        if self._active.is_due:
            with self._active.doing():
                self._look_at([run for run in self._watched.values() if run.is_active])
        if self._ended.is_due:
            with self._ended.doing():
                self._look_at([run for run in self._watched.values() if not run.is_active])
            if not self._unread:
                now = time.monotonic()
                self._unread = [run for run in self._watched.values() if run.wants_reading(now)]
        self._read_on()

    def _meet(self, found: Found) -> None:
        """Take over what a search found."""
        new = []
        for place in found.places:
            run = self._watched.get(place.key)
            if run is None:
                state, signature, read_signature = self._kept.pop(place.key, ("", "", None))
                run = Watched(place=place, state=state, signature=signature, read_signature=read_signature)
                self._watched[place.key] = run
                new.append(run)
            elif run.place is not place:
                run.move(place)
                run.signature = ""
        if found.is_whole:
            self._forget((self._watched.keys() | self._kept.keys()) - {place.key for place in found.places})
        if self._sweeps != found.sweeps:
            self._sweeps = found.sweeps
            self._store.put_sweeps(found.sweeps)
        self._look_at(reversed(new))  # names mostly hold the time: the newest first
        self._store.end_search(problems=[*found.problems, *self._problems.values()])

    def _look_at(self, runs: Iterable[Watched]) -> None:
        """Glance at those whose files have changed, and forget those that are gone."""
        gone = []
        for run in runs:
            try:
                signature = run.look()
            except OSError:  # a file system that does not answer may do so the next time
                continue
            if signature is None:
                gone.append(run.place.key)
            elif run.wants_glance(signature, time.monotonic()):
                self._glance(run, signature)
        self._commit()
        self._forget(gone)

    def _glance(self, run: Watched, signature: str) -> None:
        key = run.place.key
        changed = signature != run.signature
        run.glanced_at, run.signature = time.monotonic(), signature
        try:
            seen = glance(run.place)
            body = encode(run.place, seen)
        except Exception as error:  # one run must not keep all others from being seen
            self._problems[key] = f"{run.place.path}: {type(error).__name__}: {error}"
            traceback.print_exc(file=sys.stderr)
            return
        self._problems.pop(key, None)
        run.state = seen.state
        if changed or hash(body) != run.body:
            run.body = hash(body)
            self._batch.append(Kept(key=key, state=seen.state, signature=signature, body=body))
        if time.monotonic() - self._committed_at > COMMIT_S:
            self._commit()

    def _commit(self) -> None:
        if self._batch:
            self._store.put(self._batch)
            self._batch = []
        self._committed_at = time.monotonic()

    def _forget(self, keys: Iterable[str]) -> None:
        keys = list(keys)
        for key in keys:
            self._watched.pop(key, None)
            self._kept.pop(key, None)
            self._problems.pop(key, None)
        if keys:
            self._store.remove(keys)

    def _read_on(self) -> None:
        """Take what was read, and read the next run."""
        done = self._whole.take()
        if done is not None:
            run, extremes = done
            assert run.read_signature is not None
            self._store.put_extremes(run.place.key, read_signature=run.read_signature, extremes=extremes)
        while self._unread and not self._whole.is_busy:
            run = self._unread.pop()
            if run.place.key in self._watched and run.wants_reading(time.monotonic()):
                self._whole.begin(run)
