"""What a prepared directory holds, said by the file `manifest.json` in it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from launcher.errors import DataError

FILE_NAME = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSpec:
    """Type and shape of one row of a column; `()` is one number a row."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything that is known about prepared data, without reading them."""

    path: str  # of the prepared directory, absolute
    data: dict[str, Any]  # sizes, the section `data` of a config
    columns: dict[str, ColumnSpec]
    fitted: dict[str, Any]  # see `launcher.data.transforms`
    sha256: str  # of all prepared rows
    notes: list[str]  # what was dropped or decided, a line each
    floors: dict[str, float] | None  # bits per byte on validation; byte-level language models only

    @classmethod
    def load(cls, file: Path) -> Manifest:
        """Read a manifest from a JSON file, which may hold other keys beside.

        Raises:
            DataError: the file is missing or damaged.
        """
        try:
            stored = json.loads(file.read_text(encoding="utf-8"))
            stored["columns"] = {
                name: ColumnSpec(dtype=spec["dtype"], shape=tuple(spec["shape"]))
                for name, spec in stored["columns"].items()
            }
            return cls(**{field.name: stored[field.name] for field in fields(cls)})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{file} does not describe prepared data ({error!r}); prepare them again") from error

    def to_dict(self) -> dict[str, Any]:
        """The manifest as JSON types; `load` reads it back."""
        return asdict(self)

    def save(self, file: Path) -> None:
        """Write the manifest as JSON."""
        file.write_text(json.dumps(self.to_dict(), ensure_ascii=False), encoding="utf-8")
