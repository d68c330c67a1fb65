"""Samples of the user's files that can't be decoded: refused and named, or left out and counted, as the config says."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher.data.sources.files import check_files, read_files
from launcher.data.sources.records import Record
from launcher.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

Records = Callable[[Path], Iterator[Record]]
"""Takes a file apart into samples, and says which of them can't be decoded."""

HOW_TO_SKIP = "or leave such samples out: dataset.clean.undecodable=skip"


@dataclass(slots=True)
class Skips:
    """Samples that were left out."""

    directory: Path  # for copies of files without the samples that can't be decoded
    count: int = 0
    first: str = ""

    def add(self, fault: str) -> None:
        """Count a sample; `fault` says where it is and what is wrong with it."""
        self.first = self.first or fault
        self.count += 1

    def notes(self) -> list[str]:
        """What was left out, in words."""
        if self.count == 0:
            return []
        return [f"dropped {self.count:,} sample(s) that can't be decoded, the first is {self.first}"]


_skips: ContextVar[Skips | None] = ContextVar("skips", default=None)


@contextlib.contextmanager
def undecodable(policy: str, directory: Path) -> Iterator[Skips]:
    """Inside, sources `refuse` what can't be decoded, or `skip` it and count it in what this yields."""
    skips = Skips(directory)
    token = _skips.set(skips if policy == "skip" else None)
    try:
        yield skips
    finally:
        _skips.reset(token)


def skipping() -> Skips | None:
    """Where to count what is left out; None where it is to be refused."""
    return _skips.get()


def read_samples(
    builder: str, splits: dict[str, list[Path]], *, text: bool, records: Records, **options: Any
) -> dict[str, Dataset]:
    """Read the files of each split with a builder of `datasets`, as `read_files` does; `text` files are UTF-8.

    Raises:
        DataError: a sample can't be decoded and is to be refused, naming it; or a split has none left.
    """
    skips = skipping()
    if skips is None:
        for files in splits.values():
            check_files(files, text=text)
    else:
        splits = _left(splits, lambda file: _usable(file, text, records, skips), skips)
    try:
        return read_files(builder, splits, **options)
    except DataError:
        if skips is None:
            _refuse_first(splits, records)
            raise
        count = skips.count
        splits = _left(splits, lambda file: _without_faults(file, records, skips), skips)
        if skips.count == count:  # something else is wrong
            raise
    return read_files(builder, splits, **options)


def _refuse_first(splits: dict[str, list[Path]], records: Records) -> None:
    for files in splits.values():
        for file in files:
            for line, _, fault in records(file):
                if fault is not None:
                    raise DataError(f"{_place(file, line)}: {fault}; mend it, {HOW_TO_SKIP}")


def _left(splits: dict[str, list[Path]], usable: Callable[[Path], Path | None], skips: Skips) -> dict[str, list[Path]]:
    """The files of each split of which something is left, or copies of them.

    Raises:
        DataError: a split has none.
    """
    left = {split: [kept for file in files if (kept := usable(file)) is not None] for split, files in splits.items()}
    for split, files in left.items():
        if not files:
            raise DataError(f"no sample of the split {split} can be decoded, the first is {skips.first}")
    return left


def _usable(file: Path, text: bool, records: Records, skips: Skips) -> Path | None:
    """The file if it can be read at all, else a copy of what is left of it; None where nothing is.

    Raises:
        DataError: the file can't be opened, which is no matter of what is in it.
    """
    try:
        check_files([file], text=text)
    except DataError as error:
        if isinstance(error.__cause__, OSError):
            raise
        if file.stat().st_size == 0:
            skips.add(f"{file}: it is empty")
            return None
        return _without_faults(file, records, skips)
    return file


def _without_faults(file: Path, records: Records, skips: Skips) -> Path | None:
    """The file itself where nothing is wrong with it, else a copy of what is left; None where nothing is."""
    faults = [f"{_place(file, line)}: {fault}" for line, _, fault in records(file) if fault is not None]
    if not faults:
        return file
    for fault in faults:
        skips.add(fault)
    skips.directory.mkdir(parents=True, exist_ok=True)
    copy = skips.directory / f"{skips.count}-{file.name}"  # the count has grown since the last copy
    with copy.open("wb") as stream:
        stream.writelines(content for _, content, fault in records(file) if fault is None)
    return copy if copy.stat().st_size > 0 else None


def _place(file: Path, line: int | None) -> str:
    return str(file) if line is None else f"{file}, line {line}"
