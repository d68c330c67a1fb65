"""Many rows read at once hold what protobuf and json read one after the other."""

from __future__ import annotations

import json
import random
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wandb.proto.wandb_internal_pb2 import HistoryRecord, SummaryRecord

from launcher.dashboard.reading import same, walk
from launcher.dashboard.reading.items import Names, last_items, read_items, read_key
from launcher.dashboard.reading.walk import PADDING

KEYS = st.one_of(st.sampled_from(["loss", "a", "b", "train/loss", "日本"]), st.text(max_size=12), st.just("k" * 300))
NUMBERS = st.one_of(st.floats(), st.integers(-(10**30), 10**30), st.floats(width=16))
VALUES = st.recursive(
    st.one_of(NUMBERS, st.none(), st.booleans(), st.text(max_size=200)),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
).map(json.dumps)
STRANGE = st.sampled_from(
    ["1,2", "1],[2", " 1", "1 ", "-", "", "01", "1e400", "-1e400", "tru", "NaN,1", "-Infinity", "9" * 400, "1" * 5000]
)
PATHS = st.lists(KEYS, min_size=1, max_size=3)
ITEMS = st.tuples(PATHS, st.booleans(), st.one_of(VALUES, VALUES, STRANGE))
ROWS = st.lists(st.lists(ITEMS, max_size=6), min_size=1, max_size=5)


def lay(payloads: list[bytes]) -> tuple[bytes, list[int], list[int]]:
    """Payloads behind each other, as the reader gets them."""
    ends = np.cumsum([len(payload) for payload in payloads]).tolist()
    return b"".join(payloads) + PADDING, [0, *ends[:-1]], ends


def to_history(row: list[Any], step: int) -> bytes:
    record = HistoryRecord()
    for path, is_plain, text in row:
        if is_plain:
            record.item.add(key=path[0], value_json=text)
        else:
            record.item.add(nested_key=path, value_json=text)
    record.step.num = step
    return record.SerializeToString()


def expected(payloads: list[bytes]) -> dict[tuple[int, str], str]:
    found: dict[tuple[int, str], str] = {}
    for row, payload in enumerate(payloads):
        for item in HistoryRecord.FromString(payload).item:
            name = ".".join(item.nested_key) if item.nested_key else item.key
            try:
                value = json.loads(item.value_json, parse_int=float)
            except ValueError:
                continue
            if isinstance(value, float) and name:
                found[row, name] = repr(value + 0.0)
    return found


def found(payloads: list[bytes]) -> dict[tuple[int, str], str]:
    data, starts, ends = lay(payloads)
    names = Names()
    items = read_items(data, starts, ends, names, number=1)
    assert items.broken == 0
    keys = [(int(row), names.names[code]) for row, code in zip(items.rows, items.codes, strict=True)]
    assert len(set(keys)) == len(keys)
    assert np.all(np.diff(items.codes) >= 0)
    return dict(zip(keys, [repr(value + 0.0) for value in items.values.tolist()], strict=True))


@settings(deadline=None, max_examples=150)
@given(ROWS, st.sampled_from([0, 3, 24]), st.sampled_from([1, 18]), st.integers(1, 9), st.randoms())
def test_rows_hold_what_protobuf_and_json_say(
    rows: list[Any], few: int, bits: int, copies: int, order: random.Random
) -> None:
    copied = [list(row) for row in rows for _ in range(copies)]
    for row in copied:
        order.shuffle(row)
    payloads = [to_history(row, step) for step, row in enumerate(copied)]
    with mock.patch.object(walk, "FEW_ROWS", few), mock.patch.object(same, "TABLE_BITS", bits):
        assert found(payloads) == expected(payloads)


def test_values_that_newer_writers_say_without_json_are_numbers() -> None:
    record = HistoryRecord()
    record.item.add(nested_key=["integer"], integer=-7)
    record.item.add(nested_key=["number"], number=0.5)
    record.item.add(nested_key=["text"], text="7")
    record.item.add(nested_key=["json"], json="2.5")
    payloads = [record.SerializeToString()] * 30
    values = found(payloads)
    assert {name: value for (row, name), value in values.items() if row == 29} == {
        "integer": "-7.0",
        "number": "0.5",
        "json": "2.5",
    }


@settings(deadline=None, max_examples=100)
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=40), st.sampled_from([0, 24]))
def test_rows_of_random_bytes_never_raise(payloads: list[bytes], few: int) -> None:
    data, starts, ends = lay(payloads)
    with mock.patch.object(walk, "FEW_ROWS", few):
        read_items(data, starts, ends, Names(), number=1)
        last_items(data, starts, ends)


@settings(deadline=None, max_examples=100)
@given(ROWS, st.integers(0, 10_000), st.integers(1, 255), st.sampled_from([0, 24]))
def test_rows_with_a_flipped_byte_never_raise(rows: list[Any], place: int, mask: int, few: int) -> None:
    payloads = [to_history(row, step) for step, row in enumerate(rows)]
    data, starts, ends = lay(payloads)
    flipped = bytearray(data)
    flipped[place % ends[-1]] ^= mask
    with mock.patch.object(walk, "FEW_ROWS", few):
        read_items(bytes(flipped), starts, ends, Names(), number=1)


SUMMARIES = st.lists(
    st.tuples(
        st.lists(st.tuples(st.sampled_from("abcdef"), st.integers()), max_size=4), st.sets(st.sampled_from("ab"))
    ),
    min_size=1,
    max_size=30,
)


@settings(deadline=None, max_examples=100)
@given(SUMMARIES, st.sampled_from([0, 24]))
def test_of_summaries_the_last_word_on_each_key_stays(summaries: list[Any], few: int) -> None:
    payloads, expected = [], {}
    for updates, removals in summaries:
        record = SummaryRecord()
        for key in removals:
            record.remove.add(key=key)
            expected[key] = None
        for key, value in updates:
            record.update.add(key=key, value_json=str(value))
            expected[key] = str(value).encode()
        payloads.append(record.SerializeToString())
    data, starts, ends = lay(payloads)
    with mock.patch.object(walk, "FEW_ROWS", few):
        last, broken = last_items(data, starts, ends)
    assert broken == 0
    assert {read_key(key)[0]: text for key, text in last.items()} == expected


def test_what_lies_above_a_type_is_media() -> None:
    row = [(["picture", "_type"], False, '"image-file"'), (["picture", "width"], False, "3"), (["loss"], False, "1")]
    data, starts, ends = lay([to_history(row, 0)])
    names = Names()
    read_items(data, starts, ends, names, number=1)
    assert names.media == {"picture"}


@pytest.mark.parametrize("count", [5, 100])
def test_rows_of_very_different_length_are_read(count: int) -> None:
    rows = [[([f"m{place}"], False, str(place)) for place in range(1 + 997 * (row == 3))] for row in range(count)]
    payloads = [to_history(row, step) for step, row in enumerate(rows)]
    assert found(payloads) == expected(payloads)
