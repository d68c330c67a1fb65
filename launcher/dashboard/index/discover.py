"""Finding runs and sweeps below directories."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from launcher.dashboard.index.listing import SUFFIX, Listing, Listings
from launcher.dashboard.places import WANDB, WINDLASS, Place, SweepPlace, make_key
from launcher.runs import Run

MAX_DEPTH = 4
MAX_DIRECTORIES = 50_000
"""Looked into below one root: a home directory is no place to search again and again."""
ATTEMPT = re.compile(r"(?:offline-)?run-(\d{8}_\d{6})?.*")
"""The directory that W&B makes for each attempt of a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one search found."""

    places: tuple[Place, ...]
    sweeps: tuple[SweepPlace, ...]
    looked_for: str  # in words
    problems: tuple[str, ...] = ()
    is_whole: bool = True  # False: what was not found may still be there, as the file system did not answer


def discover(roots: Sequence[Path]) -> Found:
    """All runs and sweeps in some directories or files; see `Search`."""
    return Search(roots).run()


def real_roots(roots: Iterable[Path]) -> tuple[Path, ...]:
    """The same places without symbolic links, each once."""
    return tuple(dict.fromkeys(Path(os.path.realpath(root)) for root in roots))


def looked_for(roots: Iterable[Path]) -> str:
    """What a search looks for, and where, in words."""
    return f"run directories (job.json) and W&B runs (*.wandb) in {', '.join(str(root) for root in roots)}"


class Search:
    """Searches the same roots again and again, cheaply while nothing changes.

    A root is a directory of runs, one run directory, a W&B directory, any directory that holds such at most `MAX_DEPTH`
    below, or one `.wandb` file. Symbolic links below a root are not followed. What lies in several roots is found once.
    """

    def __init__(self, roots: Iterable[Path]) -> None:
        self._roots = real_roots(roots)
        self._listings = Listings()
        self._places: dict[_Facts, Place] = {}

    def run(self) -> Found:
        """Search once."""
        self._listings.begin()
        seen = _Seen()
        for root in self._roots:
            if not root.exists():
                seen.problems.append(f"{root} does not exist")
            elif root.name.endswith(SUFFIX) and root.is_file():
                seen.add_file(str(root), root=root)
            else:
                self._walk(root, seen)
        self._places = {facts: self._places.get(facts) or facts.to_place() for facts in seen.facts()}
        return Found(
            places=tuple(self._places.values()),
            sweeps=tuple(seen.sweeps.values()),
            looked_for=looked_for(self._roots),
            problems=tuple(seen.problems),
            is_whole=seen.is_whole,
        )

    def _walk(self, root: Path, seen: _Seen) -> None:
        waiting = [(str(root), 0)]
        num_listed = 0
        while waiting:
            directory, depth = waiting.pop()
            if num_listed == MAX_DIRECTORIES:
                seen.problems.append(
                    f"{root}: only {MAX_DIRECTORIES} directories were searched; name one that is nearer to the runs"
                )
                return
            num_listed += 1
            listing = self._list(directory, seen, is_root=depth == 0)
            if self._take(directory, listing, root=root, seen=seen) and depth < MAX_DEPTH:
                waiting += [(_join(directory, name), depth + 1) for name in reversed(listing.directories)]

    def _take(self, directory: str, listing: Listing, *, root: Path, seen: _Seen) -> bool:
        """Note what a directory is; whether there may be more below it."""
        if listing.has_job:
            seen.runs.setdefault(directory, (root, tuple(self._attempts(directory, listing, seen))))
            return False
        if listing.has_sweep:
            path = Path(directory)
            place = SweepPlace(key=make_key(path, path.name), id=path.name, root=root, path=path)
            seen.sweeps.setdefault(directory, place)
            return False
        for name in listing.files:
            seen.add_file(_join(directory, name), root=root)
        return not (listing.files and _is_attempt(directory))

    def _attempts(self, run: str, listing: Listing, seen: _Seen) -> Iterator[str]:
        """The W&B files of a run directory, oldest first."""
        folder = Run(Path(run)).wandb_dir.name
        if folder not in listing.directories:
            return
        folder = _join(run, folder)
        for name in sorted(self._list(folder, seen).directories, key=_age):
            if _is_attempt(name):
                directory = _join(folder, name)
                yield from (_join(directory, file) for file in self._list(directory, seen).files)

    def _list(self, directory: str, seen: _Seen, *, is_root: bool = False) -> Listing:
        """What lies in a directory; nothing where it can't be read."""
        try:
            return self._listings.get(directory)
        except PermissionError as error:  # other people's, and they stay so
            if is_root:
                seen.problems.append(f"{directory} can't be read: {error.strerror}")
        except OSError as error:
            seen.problems.append(f"{directory} can't be read: {error.strerror}")
            seen.is_whole = False
        return Listing()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """A run as it was found."""

    kind: str
    root: Path
    directory: str
    id: str
    files: tuple[str, ...]

    def to_place(self) -> Place:
        path = Path(self.directory)
        files = tuple(Path(file) for file in self.files)
        return Place(key=make_key(path, self.id), id=self.id, kind=self.kind, root=self.root, path=path, files=files)


@dataclass(slots=True, kw_only=True)
class _Seen:
    """What one search has come across."""

    runs: dict[str, tuple[Path, tuple[str, ...]]] = field(default_factory=dict)  # directory -> root and files
    files: dict[tuple[str, str], tuple[Path, list[str]]] = field(default_factory=dict)  # directory and id -> the same
    sweeps: dict[str, SweepPlace] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    is_whole: bool = True

    def add_file(self, file: str, *, root: Path) -> None:
        """One attempt of a run that is no run directory's."""
        directory, _, name = file.rpartition("/")
        if _is_attempt(directory):
            directory = directory.rpartition("/")[0]
        run_id = name.removesuffix(SUFFIX).removeprefix("run-")
        _, files = self.files.setdefault((directory, run_id), (root, []))
        if file not in files:
            files.append(file)

    def facts(self) -> Iterator[_Facts]:
        """All runs."""
        for directory, (root, found) in self.runs.items():
            yield _Facts(kind=WINDLASS, root=root, directory=directory, id=directory.rpartition("/")[2], files=found)
        for (directory, run_id), (root, files) in self.files.items():
            oldest_first = tuple(sorted(files, key=lambda file: _age(file.split("/")[-2])))
            yield _Facts(kind=WANDB, root=root, directory=directory, id=run_id, files=oldest_first)


def _join(directory: str, name: str) -> str:
    """As `Path` does, at a tenth of the cost: a search does it for each run again."""
    return f"{directory.rstrip('/')}/{name}"


def _is_attempt(directory: str) -> bool:
    return ATTEMPT.fullmatch(directory.rpartition("/")[2]) is not None


def _age(attempt: str) -> tuple[str, str]:
    """Sorts names of attempts, oldest first; those that W&B synchronised while they ran have another prefix."""
    match = ATTEMPT.fullmatch(attempt)
    return (match[1] or "" if match else "", attempt)
