"""Tables in the user's files: CSV, JSON lines and Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher.data.sources.files import find_splits, fingerprint_files
from launcher.data.sources.records import CsvRows, json_lines, parquet_file
from launcher.data.sources.undecodable import read_samples

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


class Csv(_Files):
    """Comma-separated values with a header line; an empty cell is a missing value."""

    suffixes = (".csv", ".tsv")

    def __init__(self, path: Any, separator: str = ",") -> None:
        super().__init__(path)
        self.separator = separator

    def load(self) -> dict[str, Dataset]:
        """Types are inferred from whole files: a column whose first float stands in the last row is float."""
        rows = CsvRows(self.separator)
        return read_samples("csv", self._splits(), text=True, records=rows, sep=self.separator, chunksize=None)


class Jsonl(_Files):
    """One JSON object a line; a key that is absent is a missing value."""

    suffixes = (".jsonl", ".ndjson", ".json")

    def load(self) -> dict[str, Dataset]:
        """The rows of all files of a split, one after the other."""
        return read_samples("json", self._splits(), text=True, records=json_lines)


class Parquet(_Files):
    """Apache Parquet files."""

    suffixes = (".parquet",)

    def load(self) -> dict[str, Dataset]:
        """The rows of all files of a split, one after the other."""
        return read_samples("parquet", self._splits(), text=False, records=parquet_file)
