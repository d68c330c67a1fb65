"""What lies in directories, remembered for as long as they do not change."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from launcher.runs import Run
from launcher.sweeps.record import Record

SUFFIX = ".wandb"
JOB = Run(Path()).job_path.name
SWEEP, LEDGER = Record(Path()).record_path.name, Record(Path()).ledger_path.name
TRUST_S = 60.0
"""Some shared file systems never change the time of a directory, so that each is listed again now and then."""
RACY_S = 3.0
"""A directory that changed so shortly before it was listed may have changed again since, at the same time."""
SKIPPED = frozenset({"checkpoints", "model", "__pycache__", "node_modules"})
HIDDEN_BUT_READ = ".wandb"
"""W&B writes there where it finds a directory of this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Of one directory what may lead to runs; symbolic links are none of it."""

    directories: tuple[str, ...] = ()  # names, sorted
    files: tuple[str, ...] = ()  # names of `.wandb` files, sorted
    has_job: bool = False
    has_sweep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remembered:
    listing: Listing
    signature: tuple[int, int]
    listed_at: float  # on the monotonic clock
    is_racy: bool


class Listings:
    """Listings of directories. A directory costs one look at its times while nothing changes in it."""

    def __init__(self) -> None:
        self._before: dict[str, _Remembered] = {}
        self._now: dict[str, _Remembered] = {}

    def __len__(self) -> int:
        """How many directories were looked at in this round."""
        return len(self._now)

    def begin(self) -> None:
        """A new round: what was not asked for in the last one is forgotten."""
        self._before, self._now = self._now, {}

    def get(self, directory: str) -> Listing:
        """What lies there; nothing where the directory is gone or has become something else.

        Raises:
            OSError: it can't be read.
        """
        try:
            found = os.lstat(directory)
            if not stat.S_ISDIR(found.st_mode):
                return Listing()
            remembered = self._before.get(directory)
            signature = (found.st_mtime_ns, found.st_ino)
            if remembered is None or not _is_trusted(remembered, signature):
                # Where this clock is not the file system's, the guess may be wrong until TRUST_S have passed.
                is_racy = abs(time.time() - found.st_mtime) < RACY_S
                listing = _list(directory)
                remembered = _Remembered(
                    listing=listing, signature=signature, listed_at=time.monotonic(), is_racy=is_racy
                )
        except (FileNotFoundError, NotADirectoryError):
            return Listing()
        self._now[directory] = remembered
        return remembered.listing


def _is_trusted(remembered: _Remembered, signature: tuple[int, int]) -> bool:
    age = time.monotonic() - remembered.listed_at
    return remembered.signature == signature and not remembered.is_racy and age < TRUST_S


def _list(directory: str) -> Listing:
    directories: list[str] = []
    files: list[str] = []
    marks: set[str] = set()
    with os.scandir(directory) as entries:
        for entry in entries:
            name = entry.name
            if entry.is_dir(follow_symlinks=False):
                if name not in SKIPPED and (not name.startswith(".") or name == HIDDEN_BUT_READ):
                    directories.append(name)
            elif name.endswith(SUFFIX):
                if entry.is_file(follow_symlinks=False):
                    files.append(name)
            elif name in (JOB, SWEEP, LEDGER) and entry.is_file(follow_symlinks=False):
                marks.add(name)
    return Listing(
        directories=tuple(sorted(directories)),
        files=tuple(sorted(files)),
        has_job=JOB in marks,
        has_sweep=SWEEP in marks or LEDGER in marks,
    )
