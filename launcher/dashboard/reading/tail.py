"""Reading on in a file that others write, replace or delete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from launcher.runs import open_regular

PIECE_BYTES = 1 << 20
MEMORY_BYTES = 64


class Tail:
    """What is new in a file since the last look, in pieces.

    A file that shrank, or in which what was read last is no longer there, was made anew: it is read from its beginning.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0  # set by who reads, after each piece
        self.problem: str | None = None  # why it can't be read
        self._seen: tuple[int, int] | None = None  # size and time of the last change
        self._before = b""  # the bytes before the position

    def pieces(self, *, size_of_piece: int = PIECE_BYTES) -> Iterator[tuple[bytes, int, bool]]:
        """Bytes from the position on, the size of the file, and whether it was made anew: then they are its first ones.

        It ends with the file, or where the reader does not move on. A file that is gone has nothing new.
        """
        try:
            with open_regular(self.path) as file:
                status = os.fstat(file.fileno())
                seen = status.st_size, status.st_mtime_ns
                if seen == self._seen:
                    return
                self._seen, self.problem = seen, None
                is_anew = self._is_anew(file.fileno(), status.st_size)
                if is_anew:
                    self.position = 0
                while True:
                    begin = self.position
                    piece = os.pread(file.fileno(), size_of_piece, begin)
                    if not piece:
                        break
                    yield piece, status.st_size, is_anew
                    is_anew = False
                    if self.position == begin:
                        if len(piece) < size_of_piece:
                            break
                        size_of_piece *= 2
                    self._before = os.pread(file.fileno(), *self._span())
        except FileNotFoundError:
            self._seen = None
        except OSError as error:
            self._seen, self.problem = None, f"it can't be read: {error.strerror}"

    def _is_anew(self, file: int, size: int) -> bool:
        return size < self.position or os.pread(file, *self._span()) != self._before

    def _span(self) -> tuple[int, int]:
        """Length and place of what is remembered."""
        begin = max(0, self.position - MEMORY_BYTES)
        return self.position - begin, begin
