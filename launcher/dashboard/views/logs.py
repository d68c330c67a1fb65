"""Logs of a run: which there are, and pages of their lines by place in the file."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from launcher.dashboard.places import WINDLASS
from launcher.dashboard.views.ansi import Terminal
from launcher.errors import RequestError
from launcher.runs import Run, open_regular

if TYPE_CHECKING:
    from launcher.dashboard.reading.opened import OpenRun

ENDINGS = (".log", ".txt")
RANK = re.compile(r"attempt_(\d+)/(?:rank|stacks)_(\d+)\.\w+")
CONSOLE = "console"
PAGE_BYTES = 1 << 16
LEAST_BYTES, MOST_BYTES = 1 << 10, 1 << 20
ENDS = (b"\n", b"\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """One log: a file, or what W&B kept of a console."""

    name: str
    attempt: int | None
    rank: int | None
    size: int  # bytes
    path: Path | None = None
    text: bytes = b""

    def open(self) -> BinaryIO:
        """Its bytes; a link that took the place of the file since is not followed.

        Raises:
            RequestError: it is gone.
        """
        if self.path is None:
            return BytesIO(self.text)
        try:
            return open_regular(self.path)
        except OSError as error:
            raise RequestError(f"log {self.name} can't be read: {error.strerror}") from error

    def describe(self) -> dict[str, Any]:
        """What a page lists."""
        return {"name": self.name, "attempt": self.attempt, "rank": self.rank, "size": self.size}


def list_logs(run: OpenRun) -> list[Log]:
    """All logs of a run, the newest attempt first; links and what lies outside of the run are left out."""
    if run.place.kind != WINDLASS:
        text = "".join(part for _, part in run.console).encode(errors="replace")
        return [Log(name=CONSOLE, attempt=None, rank=0, size=len(text), text=text)] if text else []
    directory = Run(run.place.path).logs_dir
    if directory.is_symlink():
        return []
    return sorted(
        _files(directory), key=lambda log: (log.attempt is None, -(log.attempt or 0), log.rank or 0, log.name)
    )


def find_log(run: OpenRun, name: str) -> Log:
    """The log of a name, which must be one of those that are listed.

    Raises:
        RequestError: it is none of them.
    """
    logs = list_logs(run)
    for log in logs:
        if log.name == name:
            return log
    known = ", ".join(log.name for log in logs[:5]) or "none yet"
    raise RequestError(f"run {run.place.id} has no log {name!r}; it has {known}")


def page(log: Log, *, offset: int = -PAGE_BYTES, limit: int = PAGE_BYTES) -> dict[str, Any]:
    """Whole lines from a byte offset on (a negative one counts from the end), of `limit` bytes at most.

    A page begins with the line that begins at or after `offset`, and the next page at `end`. What stands behind the
    last end of line is no line yet: it is in `rest`, and comes again. A line that is longer than a page comes in parts.

    Raises:
        RequestError: the log is gone.
    """
    limit = max(LEAST_BYTES, min(limit, MOST_BYTES))
    with log.open() as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size + offset) if offset < 0 else min(offset, size)
        start = _line_start(file, start, limit)
        file.seek(start)
        block = file.read(limit)
    end = _end_of_lines(block, at_end=start + len(block) >= size)
    terminal = Terminal()
    lines = [terminal.line(text(line)) for line in block[:end].removesuffix(b"\n").split(b"\n")] if end else []
    rest = terminal.line(text(block[end:]))
    return {"file": log.name, "size": size, "start": start, "end": start + end, "lines": lines, "rest": rest}


def text(line: bytes) -> str:
    """Bytes of a log as text."""
    return line.decode("utf-8", errors="replace")


def _line_start(file: BinaryIO, start: int, limit: int) -> int:
    """Where the next line begins. Within a line that is longer than a page it is where the part before it ended."""
    if start == 0:
        return 0
    first = max(0, start - limit)
    file.seek(first)
    before = file.read(start - first)
    if before.endswith(ENDS) or (first > 0 and b"\n" not in before):
        return start
    return start + file.read(limit).find(b"\n") + 1


def _end_of_lines(block: bytes, *, at_end: bool) -> int:
    """How many bytes are whole lines; of a line that fills the block, as much as can be shown by itself."""
    end = block.rfind(b"\n") + 1
    if end or at_end:
        return end
    if end := block.rfind(b"\r") + 1:
        return end
    cut = len(block)
    while cut > len(block) - 4 and block[cut - 1] & 0xC0 == 0x80:
        cut -= 1
    return cut - 1 if block[cut - 1] >= 0xC0 else len(block)


def _files(directory: Path, *, below: str = "") -> Iterator[Log]:
    """Logs in a directory and in those of its attempts; no links."""
    with contextlib.suppress(OSError), os.scandir(directory) as entries:  # gone, or not for us to read
        for entry in entries:
            if entry.is_dir(follow_symlinks=False) and not below:
                yield from _files(Path(entry.path), below=f"{entry.name}/")
            elif entry.is_file(follow_symlinks=False) and entry.name.endswith(ENDINGS):
                yield _log(entry, f"{below}{entry.name}")


def _log(entry: os.DirEntry[str], name: str) -> Log:
    numbers = RANK.fullmatch(name)
    attempt, rank = (None, None) if numbers is None else map(int, numbers.groups())
    size = entry.stat(follow_symlinks=False).st_size
    return Log(name=name, attempt=attempt, rank=rank, size=size, path=Path(entry.path))
