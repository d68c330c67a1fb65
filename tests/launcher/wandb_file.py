"""What is in a `.wandb` file, read by hand."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from wandb.proto.wandb_internal_pb2 import Record


def read_records(content: bytes) -> Iterator[Record]:
    """The records of a `.wandb` file: LevelDB blocks of 32 KiB after a header of 7 bytes."""
    assert content[:7] == struct.pack("<4sHB", b":W&B", 0xBEE1, 0)
    position, payload = 7, b""
    while position + 7 <= len(content):
        left = 32768 - position % 32768
        if left < 7:
            position += left
            continue
        checksum, length, kind = struct.unpack_from("<IHB", content, position)
        chunk = content[position + 7 : position + 7 + length]
        assert zlib.crc32(bytes([kind]) + chunk) == checksum
        payload += chunk
        position += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield Record.FromString(payload)
            payload = b""
