"""Lines of a log that hold a text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from launcher.dashboard.views.ansi import Span, Terminal
from launcher.dashboard.views.logs import Log, text

MOST_LINES = 1000
BLOCK_BYTES = 1 << 20
SHOWN_BYTES = 1 << 14
"""Of a longer line only this much is shown, from its beginning."""
ESCAPE = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")


def search(log: Log, wanted: str, *, most: int = MOST_LINES) -> dict[str, Any]:
    """The first lines that hold a text (`lines`, and where each begins: `offsets`), and how many they are (`matches`).

    Upper and lower case of A to Z are the same, and colours do not count. `more` says whether the log was not read to
    its end since there are `most` already. The log is read in blocks, never as a whole.

    Raises:
        RequestError: the log is gone.
    """
    needle = wanted.encode().lower()
    terminal = Terminal()
    lines: list[list[Span]] = []
    offsets: list[int] = []
    more = False
    with log.open() as file:
        for offset, line in _candidates(file, needle):
            if len(lines) == most:
                more = True
                break
            lines.append(terminal.line(text(line[:SHOWN_BYTES])))
            offsets.append(offset)
    ends = {"file": log.name, "size": log.size, "start": 0, "end": log.size}
    return {**ends, "lines": lines, "offsets": offsets, "rest": [], "matches": len(lines), "more": more}


def _candidates(file: BinaryIO, needle: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines that hold the needle, with their offsets."""
    for offset, block in _blocks(file):
        if needle not in _bare(block):
            continue
        for line in block.split(b"\n"):
            if needle in _bare(line):
                yield offset, line
            offset += len(line) + 1


def _blocks(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Whole lines, without the last end of line, and where they begin; a line that fills a block comes in parts."""
    offset, left = 0, b""
    while read := file.read(BLOCK_BYTES):
        block = left + read
        end = block.rfind(b"\n")
        if end < 0 and len(block) < 2 * BLOCK_BYTES:
            left = block
            continue
        if end < 0:
            yield offset, block
            offset, left = offset + len(block), b""
            continue
        yield offset, block[:end]
        offset, left = offset + end + 1, block[end + 1 :]
    if left:
        yield offset, left


def _bare(block: bytes) -> bytes:
    """In lower case and without colours."""
    return ESCAPE.sub(b"", block.lower()) if b"\x1b" in block else block.lower()
