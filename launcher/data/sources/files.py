"""The user's files: found, checked and read, with an error that says which one is wrong and where."""

from __future__ import annotations

import codecs
import glob
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher.config.nearest import listed
from launcher.data.sources.library import root_cause, scratch_dir
from launcher.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

CHUNK_BYTES = 2**20
INFERRED_INDEX = "__index_level_0__"
"""What pandas makes of the first column of a CSV file whose first row is longer than its header."""


def find_splits(path: Any, *, suffixes: tuple[str, ...] | None) -> dict[str, list[Path]]:
    """Files of each split: `{"train": files}`, or as a mapping of split to path says.

    Raises:
        DataError: nothing is there, or it can't be read.
    """
    if isinstance(path, Mapping):
        return {str(split): find_files(part, suffixes=suffixes) for split, part in path.items() if part is not None}
    return {"train": find_files(path, suffixes=suffixes)}


def find_files(path: Any, *, suffixes: tuple[str, ...] | None) -> list[Path]:
    """Files that a path names: a file, all files of a directory, a glob, or a list of such.

    Of a directory only files with one of `suffixes` are taken; None takes all.

    Raises:
        DataError: nothing is there, or it can't be read.
    """
    if not isinstance(path, str | os.PathLike):
        if not isinstance(path, Iterable):
            raise DataError(f"dataset.path={path!r} is not a path; use a file, a directory, a glob or a list of them")
        return [file for part in path for file in find_files(part, suffixes=suffixes)]
    place = Path(path).expanduser().absolute()
    try:
        if place.is_dir():
            os.scandir(place).close()  # raises where the directory may not be read
            return _files_below(place, suffixes)
        if place.exists():
            return [place]
    except PermissionError as error:
        raise DataError(f"dataset.path={path} can't be read: {error.strerror}") from error
    matches = sorted(Path(match) for match in glob.glob(str(place), recursive=True))  # noqa: PTH207 (absolute)
    files = [match for match in matches if match.is_file()]
    if not files:
        raise DataError(f"dataset.path={path} is not there: no file, directory or glob match at {place}")
    return files


def _files_below(directory: Path, suffixes: tuple[str, ...] | None) -> list[Path]:
    below = sorted(file for file in directory.rglob("*") if not file.name.startswith(".") and file.is_file())
    if suffixes is None:
        return below
    files = [file for file in below if file.suffix.lower() in suffixes]
    if not files:
        there = listed(sorted({file.suffix or file.name for file in below})[:8], conjunction="and")
        raise DataError(
            f"dataset.path={directory} holds no {listed(suffixes)} files, but {there}; "
            f"name the files with a glob such as dataset.path='{directory}/*'"
        )
    return files


def fingerprint_files(files: Iterable[Path]) -> str:
    """A hash over path, size and time of each file; changes when a file does."""
    digest = hashlib.sha256()
    for file in files:
        facts = file.stat()
        digest.update(f"{file}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def check_files(files: Iterable[Path], *, text: bool) -> None:
    """Each file can be opened, is not empty and, where `text`, is UTF-8.

    Raises:
        DataError: naming the file, and the offset of the first bad byte.
    """
    for file in files:
        try:
            with file.open("rb") as stream:
                if not stream.read(1):
                    raise DataError(f"{file} is empty")
                if text:
                    stream.seek(0)
                    _check_utf8(file, iter(lambda: stream.read(CHUNK_BYTES), b""))
        except OSError as error:
            raise DataError(f"{file} can't be read: {error.strerror}") from error


def _check_utf8(file: Path, chunks: Iterable[bytes]) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    position, line = 0, 1  # of the first byte that is not decoded yet
    try:
        for chunk in chunks:
            waiting = len(decoder.getstate()[0])
            decoder.decode(chunk)
            position += waiting + len(chunk) - len(decoder.getstate()[0])
            line += chunk.count(b"\n")  # never a part of another character
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        bad = error.object[error.start]
        line += error.object.count(b"\n", 0, error.start)
        raise DataError(
            f"{file} is not UTF-8: byte 0x{bad:02x} at offset {position + error.start}, in line {line}; convert it, "
            f"for example with `iconv -f latin1 -t utf-8`, or leave such samples out: dataset.clean.undecodable=skip"
        ) from error


def read_files(builder: str, splits: dict[str, list[Path]], **options: Any) -> dict[str, Dataset]:
    """Read the files of each split with a builder of `datasets`: csv, json, parquet or text.

    Raises:
        DataError: a file is not what the builder reads, or holds no rows.
    """
    from datasets import load_dataset

    read = {}
    for split, files in splits.items():
        names = _names(files)
        try:
            loaded = load_dataset(
                builder,
                data_files={"train": [glob.escape(str(file)) for file in files]},
                cache_dir=None if scratch_dir.get() is None else str(scratch_dir.get()),
                **options,
            )
        except Exception as error:
            if "corresponds to no data" in str(error):  # a header without rows
                raise DataError(f"{names} holds no rows") from error
            raise DataError(f"{names} can't be read as {builder}: {root_cause(error)}") from error
        if "train" not in loaded or len(loaded["train"]) == 0:
            raise DataError(f"{names} holds no rows")
        if builder == "csv" and INFERRED_INDEX in loaded["train"].column_names:
            raise DataError(f"{names} can't be read as csv: its first row has more cells than its header")
        read[split] = loaded["train"]
    return read


def _names(files: list[Path]) -> str:
    return str(files[0]) if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
