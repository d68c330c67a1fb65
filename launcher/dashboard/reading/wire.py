"""Protocol buffers as they lie in memory: spans of fields, found without the schema's classes.

`import wandb` takes half a second and 50 MB, and reads one message at a time. The numbers of the fields are those of
wandb/proto/wandb_internal.proto; a field's number never changes its meaning.
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
FIXED = {FIXED64: 8, FIXED32: 4}

Field = tuple[int, int, int, int]
"""Number, wire type, and where the value begins and ends."""


def fields(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """Every field of a message.

    Raises:
        ValueError: it is no message.
    """
    at, end = start, len(data) if end is None else end
    while at < end:
        tag, at = varint(data, at, end)
        kind, begin = tag & 7, at
        if kind == BYTES:
            length, begin = varint(data, at, end)
            at = begin + length
        elif kind == VARINT:
            _, at = varint(data, at, end)
        elif kind in FIXED:
            at += FIXED[kind]
        else:
            raise ValueError(f"wire type {kind}")
        if at > end:
            raise ValueError("a field is longer than its message")
        yield tag >> 3, kind, begin, at


def varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """An unsigned number, and where it ends.

    Raises:
        ValueError: it has no end.
    """
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("a number without an end")


def signed(value: int) -> int:
    """A 64-bit number that may be negative."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value
