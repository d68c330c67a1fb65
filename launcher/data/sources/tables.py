"""Tables in the user's files: CSV, JSON lines and Parquet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher.data.sources.files import check_files, find_splits, fingerprint_files, read_files
from launcher.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset


class _Files:
    suffixes: tuple[str, ...]

    def __init__(self, path: Any) -> None:
        self.path = path

    def fingerprint(self) -> str:
        """Changes when a file is added, removed or written."""
        return fingerprint_files(file for files in self._splits().values() for file in files)

    def _splits(self) -> dict[str, list[Path]]:
        return find_splits(self.path, suffixes=self.suffixes)

    def _checked(self, *, text: bool) -> dict[str, list[Path]]:
        splits = self._splits()
        for files in splits.values():
            check_files(files, text=text)
        return splits


class Csv(_Files):
    """Comma-separated values with a header line; an empty cell is a missing value."""

    suffixes = (".csv", ".tsv")

    def __init__(self, path: Any, separator: str = ",") -> None:
        super().__init__(path)
        self.separator = separator

    def load(self) -> dict[str, Dataset]:
        """Types are inferred from whole files: a column whose first float stands in the last row is float."""
        splits = self._checked(text=True)
        return read_files("csv", splits, sep=self.separator, chunksize=None)


class Jsonl(_Files):
    """One JSON object a line; a key that is absent is a missing value."""

    suffixes = (".jsonl", ".ndjson", ".json")

    def load(self) -> dict[str, Dataset]:
        """The rows of all files of a split, one after the other."""
        splits = self._checked(text=True)
        try:
            return read_files("json", splits)
        except DataError:
            for files in splits.values():
                for file in files:
                    _check_lines(file)
            raise


class Parquet(_Files):
    """Apache Parquet files."""

    suffixes = (".parquet",)

    def load(self) -> dict[str, Dataset]:
        """The rows of all files of a split, one after the other."""
        return read_files("parquet", self._checked(text=False))


def _check_lines(file: Path) -> None:
    """Name the first line that is not a JSON object: the library's own message counts rows of a block."""
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                if line.strip() and not isinstance(json.loads(line), dict):
                    raise DataError(f"{file}, line {number}: not a JSON object: {line.strip()[:60]}")
            except json.JSONDecodeError as error:
                raise DataError(
                    f"{file}, line {number}: not valid JSON: {error.msg} at column {error.colno}"
                ) from error
