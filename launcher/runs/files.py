"""Files of a run: JSON that is replaced as a whole, and events that are appended."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import stat
from collections import deque
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

MAX_JSON_BYTES = 64 << 20
NO_FILE = "it is no regular file"


def open_regular(path: Path) -> BinaryIO:
    """A file of a run, to read. What lies there as a link leads elsewhere, and a pipe or a device has no end.

    Raises:
        FileNotFoundError: there is none, or one of these in its place.
        OSError: it can't be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link; a socket
            raise FileNotFoundError(errno.ENOENT, NO_FILE, str(path)) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, NO_FILE, str(path))
    return os.fdopen(descriptor, "rb")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file, or an empty one where there is none, or one that a power failure left unreadable."""
    try:
        with open_regular(path) as file:
            content = file.read(MAX_JSON_BYTES + 1)
        value = json.loads(content) if len(content) <= MAX_JSON_BYTES else None
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write so that a reader sees the old or the new content, never a part; a directory that is gone is made anew."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    content = json.dumps(_finite(value), indent=2) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        temporary.write_text(content, encoding="utf-8")
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def event_line(event: dict[str, Any]) -> bytes:
    """An event as its line in the file."""
    return json.dumps(_finite(event)).encode() + b"\n"


def append_lines(path: Path, lines: deque[bytes]) -> None:
    """Append whole lines and take each from `lines` once it is written; a directory that is gone is made anew.

    What a killed process or a full disk left without its end gets one, so that it spoils no line but itself.

    Raises:
        OSError: the disk refuses; `lines` holds what is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        if size > 0:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                _write(file, b"\n")
        while lines:
            line = lines.popleft()  # first, so that a signal that ends the write can't have it written twice
            try:
                _write(file, line)
            except OSError:
                lines.appendleft(line)
                raise


def _write(file: FileIO, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]


def read_events(path: Path, *, offset: int = 0) -> Iterator[tuple[dict[str, Any], int]]:
    """Each whole event from a byte offset on, with the offset after it; lines that are cut at an end are left out.

    A file that is shorter than the offset was made anew, and is read from its beginning.
    """
    try:
        file = path.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        return
    with file:
        if offset > os.fstat(file.fileno()).st_size:
            offset = 0
        if offset > 0:  # unless an event begins here, go on to the next line
            file.seek(offset - 1)
            offset += len(file.readline()) - 1
        for line in file:
            if line.endswith(b"\n"):
                offset += len(line)
                event = _event(line)
                if event is not None:
                    yield event, offset


def _event(line: bytes) -> dict[str, Any] | None:
    """The event of a line, or None for what is left of one whose writer was killed."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) and "event" in value else None


def _finite(value: Any) -> Any:
    """JSON knows no NaN and no infinity: they become null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
