"""The runs and sweeps that pages show, and the process that keeps them fresh."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from launcher.dashboard.index.discover import looked_for, real_roots
from launcher.dashboard.index.keeper import UNUSABLE
from launcher.dashboard.index.picture import Picture
from launcher.dashboard.index.process import KeeperProcess
from launcher.dashboard.index.rows import Row
from launcher.dashboard.index.store import Store, store_path
from launcher.dashboard.places import Place, SweepPlace
from launcher.data.cache import cache_dir

__all__ = ["Index", "Row"]

FOLDER = "dashboard"
"""In the cache."""


class Index:
    """All runs and sweeps below some roots; usable from several threads.

    What an earlier dashboard knew is there at once. Another process (the keeper) brings it up to date, into a file in
    the cache, or into a temporary one where that can't be written; `refresh` takes over what is new in it.
    """

    def __init__(self, roots: Sequence[Path], *, cache: Path | None = None) -> None:
        self.roots = real_roots(roots)
        self.looked_for = looked_for(self.roots)
        self.version = 0  # grows with each change
        self._picture = Picture()
        self._store: Store | None = None
        self._data_version: int | None = None
        self._searches_before = 0
        self._temporary: Path | None = None
        self._problem: str | None = None
        self._lock = threading.RLock()
        self._use((cache_dir() if cache is None else cache) / FOLDER)

    def start(self) -> None:
        """Show what an earlier keeper left, and start a new one.

        Raises:
            OSError: no process can be started.
        """
        with self._lock:
            self.refresh()
            if self._picture.facts is not None:
                self._searches_before = self._picture.facts.searches
            try:
                self._keeper.start()
            except OSError as error:
                self._use_temporary(error.strerror or str(error))

    def close(self) -> None:
        """End the keeper."""
        with self._lock:
            self._keeper.stop()
            self._close_store()
            if self._temporary is not None:
                shutil.rmtree(self._temporary, ignore_errors=True)

    def refresh(self) -> bool:
        """Take over what the keeper has found, and start it again if it has ended; whether anything changed.

        Costs next to nothing where nothing is new.
        """
        with self._lock:
            self._tend()
            try:
                changed = self._take()
            except sqlite3.OperationalError:  # it is not there yet, or no longer, or busy: the next time
                self._close_store()
                return False
            except (sqlite3.DatabaseError, ValueError):  # damaged: the keeper makes it anew once it is gone
                self._close_store()
                with contextlib.suppress(OSError):
                    self._path.unlink()
                return False
            self.version += changed
            return changed

    @property
    def searched_at(self) -> float | None:
        """Unix time at which all roots had been searched last; None before the first time since the start."""
        facts = self._picture.facts
        if facts is None or facts.searches in (0, self._searches_before):
            return None
        return facts.searched_at

    @property
    def problems(self) -> list[str]:
        """What keeps runs from being shown as they are."""
        found = self._picture.facts.problems if self._picture.facts is not None else ()
        return [problem for problem in (self._problem, self._keeper.problem, *found) if problem is not None]

    @property
    def keeper_pid(self) -> int | None:
        return self._keeper.pid

    def rows(self) -> list[Row]:
        """All runs, newest first."""
        return self._picture.rows.copy()

    def row(self, key: str) -> Row | None:
        return self._picture.row(key)

    def place(self, key: str) -> Place | None:
        return self._picture.place(key)

    def sweeps(self) -> list[SweepPlace]:
        """All sweeps."""
        return list(self._picture.sweeps.values())

    def sweep(self, key: str) -> SweepPlace | None:
        return self._picture.sweeps.get(key)

    def _take(self) -> bool:
        if self._store is None or not self._store.is_current:
            self._close_store()
            self._store = Store(self._path)
        data_version = self._store.data_version()
        if data_version == self._data_version:
            return False
        searched_before = self.searched_at is not None
        changed = self._picture.take(self._store)
        self._data_version = data_version
        return changed or searched_before != (self.searched_at is not None)

    def _close_store(self) -> None:
        if self._store is not None:
            self._store.close()
        self._store, self._data_version = None, None

    def _tend(self) -> None:
        try:
            self._keeper.tend()
        except OSError as error:
            self._problem = f"the list of runs is not fresh: its keeper can't be started: {error}"
        if self._keeper.exit_code == UNUSABLE and self._temporary is None:
            self._use_temporary(self._keeper.problem or "")

    def _use(self, folder: Path) -> None:
        """Keep the index in a directory."""
        self._close_store()
        self._path = store_path(folder, self.roots)
        self._keeper = KeeperProcess(self._path, self.roots)

    def _use_temporary(self, reason: str) -> None:
        """Where it can't be kept in the cache."""
        self._problem = (
            f"the index can't be kept in {self._path.parent} ({reason}), so that each start has to find all runs anew; "
            "set the environment variable WINDLASS_CACHE_DIR to a directory that can be written"
        )
        self._temporary = Path(tempfile.mkdtemp(prefix="windlass-dashboard-"))
        self._use(self._temporary)
        self._keeper.start()
