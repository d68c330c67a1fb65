"""What a source of rows is, and what tells that its rows have changed."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
from pathlib import Path
from typing import Any, Protocol

from launcher.config.schema import Targeted
from launcher.config.targets import build
from launcher.data.sources.files import find_splits, fingerprint_files
from launcher.errors import DataError, RequestError, WindlassError

SPLITS = ("train", "validation", "test")
SPLIT_NAMES = {
    "train": 0, "training": 0,
    "validation": 1, "valid": 1, "val": 1, "dev": 1,
    "test": 2,
}  # fmt: skip
"""Index in `SPLITS` of each name that a split goes by."""


class Source(Protocol):
    """Where rows come from. A source may also have `fingerprint() -> str`, which changes when its rows do."""

    def load(self) -> Any:
        """Rows, or a dict of them by split.

        Rows are a `datasets.Dataset`, a pandas DataFrame, a list of dicts or a dict of columns.
        """


def open_source(section: Targeted) -> Source:
    """Build the source that a config names.

    Raises:
        RequestError: it can't be built, or has no `load`.
    """
    try:
        source = build(section)
    except WindlassError:
        raise
    except Exception as error:  # the user's own class
        raise RequestError(f"dataset._target_={section['_target_']}: {type(error).__name__}: {error}") from error
    if not callable(getattr(source, "load", None)):
        raise RequestError(
            f"dataset._target_={section['_target_']} has no method load(); "
            f"a source is a class with a method load() that returns rows"
        )
    return source


def fingerprint(source: Source) -> str:
    """The source's own fingerprint, or one of its module's code and of the files that its `path` names."""
    own = getattr(source, "fingerprint", None)
    if own is not None:
        return str(own())
    parts = []
    module = inspect.getsourcefile(type(source))
    if module is not None:
        parts.append(hashlib.sha256(Path(module).read_bytes()).hexdigest())
    # Where `path` is not a path after all, the source will say so better than we can.
    with contextlib.suppress(DataError):
        splits = find_splits(getattr(source, "path", None), suffixes=None)
        parts += [fingerprint_files(files) for files in splits.values()]
    return " ".join(parts)
