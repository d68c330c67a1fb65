"""Real text that every machine with Python has: the source of its standard library."""

from __future__ import annotations

import hashlib
import os
import platform
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

EXCLUDED = {
    "site-packages", "dist-packages",  # not the standard library
    "test", "idlelib", "lib2to3", "turtledemo", "ensurepip", "pydoc_data",  # missing from some installations
    "__pycache__",
}  # fmt: skip


class PythonStdlib:
    """Each module is a document, in the columns `path` and `text`.

    One file in `validation_every`, chosen by the SHA-1 of its relative path, validates: the choice does not depend
    on the machine. There is no test split.
    """

    def __init__(self, validation_every: int) -> None:
        self.root = Path(sysconfig.get_paths()["stdlib"])
        self.validation_every = validation_every

    def fingerprint(self) -> str:
        """The version of Python, and path and size of each file."""
        facts = [f"{file}\0{self.root.joinpath(file).stat().st_size}" for file in self._files()]
        return hashlib.sha256("\n".join([platform.python_version(), *facts]).encode()).hexdigest()

    def load(self) -> dict[str, Dataset]:
        """Splits `train` and `validation`, in the order of the paths."""
        from datasets import Dataset

        splits: dict[str, dict[str, list[str]]] = {
            "train": {"path": [], "text": []},
            "validation": {"path": [], "text": []},
        }
        for file in self._files():
            digest = int.from_bytes(hashlib.sha1(file.encode(), usedforsecurity=False).digest())
            rows = splits["validation" if digest % self.validation_every == 0 else "train"]
            rows["path"].append(file)
            # A file in a legacy encoding, should there be one, is kept but for the characters in question.
            rows["text"].append((self.root / file).read_text(encoding="utf-8", errors="replace"))
        return {split: Dataset.from_dict(rows) for split, rows in splits.items()}

    def _files(self) -> list[str]:
        """Paths relative to the root, sorted, with forward slashes."""
        files = []
        for folder, below, names in os.walk(self.root):
            below[:] = [name for name in below if name not in EXCLUDED]
            relative = Path(folder).relative_to(self.root)
            files += [(relative / name).as_posix() for name in names if name.endswith(".py")]
        if not files:
            raise DataError(
                f"the standard library's source is not at {self.root}; use another dataset, e.g. dataset=digits"
            )
        return sorted(files)
