"""Fields lie where protobuf puts them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wandb.proto.wandb_internal_pb2 import RunExitRecord, RunRecord

from launcher.dashboard.reading.records import timestamp
from launcher.dashboard.reading.wire import fields, signed, varint


@given(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1))
def test_numbers_are_those_that_were_written(exit_code: int, runtime: int) -> None:
    data = RunExitRecord(exit_code=exit_code, runtime=runtime).SerializeToString()
    found = {number: signed(varint(data, begin, end)[0]) for number, _, begin, end in fields(data)}
    assert (found.get(1, 0), found.get(2, 0)) == (exit_code, runtime)


@given(st.text(), st.lists(st.text(), max_size=3), st.integers(0, 2**40))
def test_texts_and_messages_are_those_that_were_written(name: str, tags: list[str], nanoseconds: int) -> None:
    record = RunRecord(display_name=name, tags=tags)
    record.start_time.FromNanoseconds(nanoseconds)
    data = record.SerializeToString()
    found: dict[int, list[bytes]] = {8: [], 10: [], 17: []}
    for number, _, begin, end in fields(data):
        found[number].append(data[begin:end])
    assert [text.decode() for text in found[8]] == ([name] if name else [])
    assert [text.decode() for text in found[10]] == tags
    assert timestamp(found[17][0]) == pytest.approx(nanoseconds / 1e9)


@given(st.binary(max_size=40))
def test_random_bytes_are_fields_or_refused(data: bytes) -> None:
    try:
        found = list(fields(data))
    except ValueError:
        return
    assert all(begin <= end <= len(data) for _, _, begin, end in found)


@pytest.mark.parametrize("data", [b"\x80", b"\xff" * 11, b"\x0a\x05ab", b"\x0b", b"\x09\x00"])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"number without an end|longer than its message|wire type"):
        list(fields(data))
