"""A checkpoint is a directory with a marker; without one, or where it does not match, there is no checkpoint.

step_00000100/
  shard-00000.safetensors    what process 0 wrote, one file a process
  checkpoint.json            the marker, written last: state, and size and SHA-256 of each file
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MARKER = "checkpoint.json"
PREFIX = "step_"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint, seen through its directory."""

    path: Path

    @property
    def step(self) -> int:
        """Optimizer steps that were done when it was taken."""
        return int(self.path.name.removeprefix(PREFIX))

    @property
    def marker_path(self) -> Path:
        return self.path / MARKER

    def read(self) -> dict[str, Any]:
        """The state that the marker holds.

        Raises:
            ValueError: the marker is not what was written; the message says what is wrong with it.
        """
        return _content(self.marker_path)["state"]

    def num_bytes(self) -> int:
        """Bytes of all its files but the marker.

        Raises:
            ValueError: as `read`.
        """
        return sum(file["bytes"] for file in _content(self.marker_path)["files"].values())

    def file_names(self) -> list[str]:
        """The files that belong to it, sorted.

        Raises:
            ValueError: as `read`.
        """
        return sorted(_content(self.marker_path)["files"])

    def flaw(self, names: list[str] | None = None) -> str | None:
        """What is wrong with the marker or the files (all, or those named), or None.

        Reads the files whole: processes share them out.
        """
        try:
            files = _content(self.marker_path)["files"]
        except ValueError as error:
            return str(error)
        for name in sorted(files) if names is None else names:
            expected = files[name]
            path = self.path / name
            try:
                size = path.stat().st_size
                if size != expected["bytes"]:
                    return f"{name} has {size} bytes, not {expected['bytes']}"
                with path.open("rb") as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() != expected["sha256"]:
                        return f"{name} has other bytes than were written"
            except OSError as error:
                return f"{name}: {error.strerror}"
        return None


def checkpoint_path(directory: Path, step: int) -> Path:
    """Where the checkpoint of a step lies; names sort by step."""
    return directory / f"{PREFIX}{step:08d}"


def published(directory: Path) -> list[Checkpoint]:
    """Checkpoints that have a marker, oldest first; whether it matches is asked of each."""
    found = [Checkpoint(path) for path in _directories(directory) if (path / MARKER).exists()]
    return sorted(found, key=lambda checkpoint: checkpoint.step)


def begin(directory: Path, step: int) -> Path:
    """An empty directory for a checkpoint of a step; what an interrupted one left there is gone."""
    path = checkpoint_path(directory, step)
    if path.exists():
        delete(Checkpoint(path))
    path.mkdir(parents=True)
    return path


def publish(path: Path, *, state: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]]) -> Checkpoint:
    """Write the marker, so that a checkpoint exists whole or not at all, also after a power cut.

    `files` holds `bytes` and `sha256` by name; they must be on the disk already.
    """
    content = {"format": FORMAT, "state": dict(state), "files": {name: dict(file) for name, file in files.items()}}
    checkpoint = Checkpoint(path)
    temporary = path / f".{MARKER}"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump({"sha256": _digest(content), "content": content}, file, indent=2, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(checkpoint.marker_path)
    for directory in (path, path.parent):
        _sync(directory)
    return checkpoint


def delete(checkpoint: Checkpoint) -> None:
    """Remove a checkpoint, the marker first: what an interruption leaves is none."""
    checkpoint.marker_path.unlink(missing_ok=True)
    _sync(checkpoint.path)
    shutil.rmtree(checkpoint.path)


def set_aside(checkpoint: Checkpoint) -> None:
    """Rename a damaged checkpoint, so that it is none any more, and no rule that counts them counts it."""
    aside = checkpoint.path.with_name(f"{checkpoint.path.name}.damaged")
    shutil.rmtree(aside, ignore_errors=True)
    checkpoint.path.rename(aside)
    _sync(checkpoint.path.parent)


def sweep(directory: Path) -> list[str]:
    """Remove what interrupted writers left: directories without a marker. Nothing may be writing. Returns the names."""
    left = [path for path in _directories(directory) if not (path / MARKER).exists()]
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    return sorted(path.name for path in left)


def _directories(directory: Path) -> Iterator[Path]:
    """Directories that are named as `checkpoint_path` names them; copies that a user made beside them are not."""
    for path in directory.glob(f"{PREFIX}*"):
        digits = path.name.removeprefix(PREFIX)
        if digits.isdecimal() and path == checkpoint_path(directory, int(digits)):
            yield path


def _content(path: Path) -> dict[str, Any]:
    try:
        marker = json.loads(path.read_text(encoding="utf-8"))
        content, digest = marker["content"], marker["sha256"]
    except FileNotFoundError as error:
        raise ValueError(f"{path.name} is missing") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name} can't be read") from error
    if digest != _digest(content):
        raise ValueError(f"{path.name} has other content than was written")
    if content["format"] != FORMAT:
        raise ValueError(f"{path.name} is of format {content['format']}, and this version knows {FORMAT}")
    return content


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _sync(directory: Path) -> None:
    """Make the names in a directory outlive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
