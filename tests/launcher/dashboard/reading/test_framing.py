"""Records come out of a file as they went in, whatever happened to the file."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from launcher.dashboard.reading import framing
from launcher.dashboard.reading.framing import BLOCK_BYTES, ForeignError, Framing
from tests.launcher.dashboard.made import frame

SIZES = st.one_of(st.integers(0, 200), st.integers(BLOCK_BYTES - 40, BLOCK_BYTES + 10), st.integers(0, 3 * BLOCK_BYTES))
PAYLOADS = st.lists(SIZES, max_size=6).map(
    lambda sizes: [bytes((index + place) % 251 for place in range(size)) for index, size in enumerate(sizes)]
)


def read(content: bytes, cuts: list[int] | None = None) -> tuple[list[bytes], Framing]:
    """Every record, from pieces that end at some places of a file that is whole only at its last piece."""
    reader, records = Framing(), []
    for end in sorted([*(cuts or []), len(content)]):
        found = reader.take(content[reader.position : end], size=end)
        records += [found.data[a:b] for a, b in zip(found.starts, found.ends, strict=True)]
    return records, reader


@settings(deadline=None, max_examples=40)
@given(PAYLOADS)
@example([bytes(BLOCK_BYTES - 14)])
@example([bytes(BLOCK_BYTES - 14 - 6), b"behind padding"])
@example([bytes(BLOCK_BYTES - 14 - 7), b"behind an empty first part"])
def test_what_was_framed_is_read(payloads: list[bytes]) -> None:
    records, reader = read(frame(payloads))
    assert records == payloads
    assert reader.damaged == 0


@settings(deadline=None, max_examples=40)
@given(PAYLOADS, st.lists(st.integers(0, 200_000), max_size=8))
def test_a_file_that_grows_in_arbitrary_cuts_gives_the_same(payloads: list[bytes], cuts: list[int]) -> None:
    content = frame(payloads)
    records, reader = read(content, [cut % (len(content) + 1) for cut in cuts])
    assert records == payloads
    assert reader.damaged == 0


@settings(deadline=None, max_examples=40)
@given(PAYLOADS, st.integers(0, 200_000))
def test_a_torn_tail_waits_without_being_damage(payloads: list[bytes], cut: int) -> None:
    content = frame(payloads)
    records, reader = read(content[: cut % (len(content) + 1)])
    assert records == payloads[: len(records)]
    assert reader.damaged == 0


@settings(deadline=None, max_examples=60)
@given(PAYLOADS, st.lists(st.tuples(st.integers(7, 300_000), st.integers(1, 255)), min_size=1, max_size=5))
def test_flipped_bits_cost_records_but_never_change_one(payloads: list[bytes], flips: list[tuple[int, int]]) -> None:
    content = bytearray(frame(payloads) + bytes(1))
    for place, mask in flips:
        content[7 + place % (len(content) - 7)] ^= mask
    records, _ = read(bytes(content))
    left = iter(payloads)
    assert all(record in left for record in records)  # a part of what was written, in its order


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300), st.lists(st.integers(0, 400), max_size=4))
def test_random_bytes_behind_a_header_hold_nothing(garbage: bytes, cuts: list[int]) -> None:
    content = frame([]) + garbage
    records, _ = read(content, [cut % (len(content) + 1) for cut in cuts])
    assert all(zlib.crc32(b"\x01" + record) is not None for record in records)


@settings(deadline=None, max_examples=40)
@given(st.binary(max_size=100))
def test_random_files_are_refused_or_wait(garbage: bytes) -> None:
    try:
        records, _ = read(garbage)
    except ForeignError:
        return
    assert records == []


def test_a_damaged_block_costs_no_other_block() -> None:
    payloads = [bytes([index]) * 1000 for index in range(100)]
    content = bytearray(frame(payloads))
    content[BLOCK_BYTES + 500] ^= 1
    records, reader = read(bytes(content))
    assert reader.damaged == 2  # the block, and the record that began in it and ends in the next
    assert records == payloads[:33] + payloads[66:]


def test_damage_in_the_block_that_is_written_is_told_and_looked_at_again() -> None:
    content = frame([b"one", b"two"])
    broken = bytearray(content)
    broken[-1] ^= 1
    reader = Framing()
    found = reader.take(bytes(broken), size=len(broken))
    assert len(found.starts) == 1
    assert reader.damaged == 1
    found = reader.take(content[reader.position :], size=len(content))
    assert [found.data[a:b] for a, b in zip(found.starts, found.ends, strict=True)] == [b"two"]
    assert reader.damaged == 0


def test_zeros_that_a_disk_shows_before_the_bytes_are_waited_for() -> None:
    content = frame([b"one", b"two"])
    reader = Framing()
    reader.take(content[:-3] + bytes(3), size=len(content))
    hole = frame([b"one"]) + bytes(100)
    reader = Framing()
    found = reader.take(hole, size=len(hole))
    assert len(found.starts) == 1
    assert reader.damaged == 0
    assert reader.position == len(frame([b"one"]))


def test_a_record_above_the_limit_is_skipped_without_being_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MAX_RECORD_BYTES", 100_000)
    records, reader = read(frame([b"before", bytes(200_000), b"behind"]))
    assert records == [b"before", b"behind"]
    assert reader.damaged == 1


def test_a_record_without_an_end_is_counted_once() -> None:
    whole = frame([b"x" * 40_000])
    torn = whole[:BLOCK_BYTES] + frame([b"whole"])[7:]
    records, reader = read(torn)
    assert records == [b"whole"]
    assert reader.damaged == 1


def test_an_unknown_version_says_so() -> None:
    with pytest.raises(ForeignError, match="version 7 is unknown, only 0 can be read"):
        read(frame([b"record"], version=7))


@pytest.mark.parametrize(
    "content", [b"\x7fELF and more", b":W&B\x00\x00\x00", b"a", struct.pack("<4sHB", b":W&A", 0, 0)]
)
def test_a_foreign_file_is_refused(content: bytes) -> None:
    with pytest.raises(ForeignError, match="no W&B file"):
        read(content)
