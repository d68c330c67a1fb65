"""Records out of the bytes of a `.wandb` file: LevelDB's log format, with a header of W&B's own.

A file begins with 7 bytes that count inside the first block. Blocks have 32 KiB; a chunk never crosses one: checksum
(CRC32 over kind and payload), length, kind (whole, first, middle, last), payload. Fewer than 7 bytes at the end of a
block are padding. See https://github.com/google/leveldb/blob/main/doc/log_format.md
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

BLOCK_BYTES = 1 << 15
MAX_RECORD_BYTES = 64 << 20
MAGIC = struct.pack("<4sH", b":W&B", 0xBEE1)
FILE_HEAD = struct.Struct("<6sB")
CHUNK_HEAD = struct.Struct("<IHB")
HEAD_BYTES = CHUNK_HEAD.size
WHOLE, FIRST, MIDDLE, LAST = range(1, 5)


class ForeignError(ValueError):
    """What begins the file is no header that this reader knows."""


@dataclass(slots=True)
class Records:
    """Where records lie in some bytes."""

    data: bytes
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)


class Framing:
    """Takes a file piece by piece; holds no more than the beginning of one record."""

    def __init__(self, *, position: int = 0) -> None:
        self.position = position  # of the file: the next piece begins here; at first 0 or where a block begins
        self._damaged = 0
        self._damaged_tail = False
        self._parts: list[bytes] | None = None  # of the record that goes on; None where there is none
        self._size = 0
        self._too_large = False

    @property
    def damaged(self) -> int:
        """How many parts were skipped: damaged, without a beginning or an end, or above `MAX_RECORD_BYTES`."""
        return self._damaged + self._damaged_tail

    def take(self, data: bytes, *, size: int) -> Records:
        """The records that end in a piece; `size` is that of the file, beyond whose end a torn chunk may grow.

        Raises:
            ForeignError: it is no such file, or of a version that is unknown.
        """
        base, at = self.position, 0
        size = max(size, base + len(data))  # it may have grown since it was looked at
        if base == 0:
            at = _check_head(data)
            if at == 0:
                return Records(data)
        records, joined = Records(data), bytearray()
        view, crc32, unpack = memoryview(data), zlib.crc32, CHUNK_HEAD.unpack_from
        starts, ends = records.starts, records.ends
        end, self._damaged_tail = len(data), False
        while True:
            room = BLOCK_BYTES - (base + at) % BLOCK_BYTES
            if room < HEAD_BYTES:
                at += room
                room = BLOCK_BYTES
            if at + HEAD_BYTES > end:
                break
            checksum, length, kind = unpack(data, at)
            after = at + HEAD_BYTES + length
            fits = length <= room - HEAD_BYTES
            if fits and after > end:
                break
            if not fits or not WHOLE <= kind <= LAST or crc32(view[at + 6 : after]) != checksum:
                if base + at + room > size:  # may still be written
                    self._damaged_tail = any(view[at:end])
                    break
                self._skip()
                at += room
            elif kind == WHOLE:
                if self._parts is not None:
                    self._skip()
                starts.append(at + HEAD_BYTES)
                ends.append(after)
                at = after
            else:
                self._join(kind, data[at + HEAD_BYTES : after], records, joined)
                at = after
        self.position = min(base + at, size)
        records.data = data + bytes(joined) if joined else data
        return records

    def _join(self, kind: int, part: bytes, records: Records, joined: bytearray) -> None:
        """A part of a record; a record that ends is laid behind the piece, in `joined`."""
        if kind == FIRST:
            if self._parts is not None:
                self._skip()
            self._parts, self._size, self._too_large = [], 0, False
        if self._parts is None:
            self._damaged += kind == LAST  # counted once, where it ends
            return
        self._size += len(part)
        if self._size > MAX_RECORD_BYTES:
            self._too_large = True
            self._parts.clear()
        else:
            self._parts.append(part)
        if kind == LAST:
            if self._too_large:
                self._damaged += 1
            else:
                records.starts.append(len(records.data) + len(joined))
                joined += b"".join(self._parts)
                records.ends.append(len(records.data) + len(joined))
            self._parts = None

    def _skip(self) -> None:
        self._damaged += 1
        self._parts = None


def _check_head(data: bytes) -> int:
    """The bytes of the header; 0 as long as it is not whole."""
    if not MAGIC.startswith(data[: len(MAGIC)]):
        raise ForeignError("it is no W&B file")
    if len(data) < FILE_HEAD.size:
        return 0
    version = data[len(MAGIC)]
    if version != 0:
        raise ForeignError(f"version {version} is unknown, only 0 can be read")
    return FILE_HEAD.size
