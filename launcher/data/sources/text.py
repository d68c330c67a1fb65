"""Plain text in the user's files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launcher.data.sources.files import find_splits, fingerprint_files
from launcher.data.sources.records import paragraphs, text_lines, whole_file
from launcher.data.sources.undecodable import read_samples
from launcher.errors import RequestError

if TYPE_CHECKING:
    from datasets import Dataset

DOCUMENTS = {"file": ("document", whole_file), "paragraph": ("paragraph", paragraphs), "line": ("line", text_lines)}
"""How `datasets` calls each, and how a file is taken apart into them."""


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
        sample_by, records = DOCUMENTS[self.document]
        return read_samples("text", splits, text=True, records=records, sample_by=sample_by)
