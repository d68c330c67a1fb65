"""Plain text in the user's files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launcher.data.sources.files import check_files, find_splits, fingerprint_files, read_files
from launcher.errors import RequestError

if TYPE_CHECKING:
    from datasets import Dataset

DOCUMENTS = {"file": "document", "paragraph": "paragraph", "line": "line"}


class TextFiles:
    """UTF-8 text files, in the column `text`; each `file`, `paragraph` or `line` is a document."""

    def __init__(self, path: Any, document: str = "file") -> None:
        if document not in DOCUMENTS:
            raise RequestError(f"dataset.document={document} is unknown; use {', '.join(DOCUMENTS)}")
        self.path = path
        self.document = document

    def fingerprint(self) -> str:
        """Changes when a file is added, removed or written."""
        splits = find_splits(self.path, suffixes=(".txt",))
        return fingerprint_files(file for files in splits.values() for file in files)

    def load(self) -> dict[str, Dataset]:
        """One row a document."""
        splits = find_splits(self.path, suffixes=(".txt",))
        for files in splits.values():
            check_files(files, text=True)
        return read_files("text", splits, sample_by=DOCUMENTS[self.document])
