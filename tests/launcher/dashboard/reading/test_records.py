"""Records that were framed soundly and hold anything are read or counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launcher.dashboard.reading.framing import Framing, Records
from launcher.dashboard.reading.records import CONFIG, ENVIRONMENT, EXIT, HISTORY, OUTPUT_RAW, RUN, STATS, SUMMARY, Log
from tests.launcher.dashboard.made import write_wandb

KINDS = (HISTORY, SUMMARY, CONFIG, STATS, OUTPUT_RAW, RUN, EXIT, ENVIRONMENT)


def lay(payloads: list[bytes]) -> Records:
    records = Records(b"".join(payloads))
    at = 0
    for payload in payloads:
        records.starts.append(at)
        at += len(payload)
        records.ends.append(at)
    return records


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


@pytest.fixture(scope="module")
def payloads(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Records of every kind."""
    path: Path = write_wandb(
        tmp_path_factory.mktemp("whole"), rows=40, stats=40, console=["x"], config={"a": {"b": 1}}, tags=["t"]
    )
    content = path.read_bytes()
    found = Framing().take(content, size=len(content))
    return [found.data[a:b] for a, b in zip(found.starts, found.ends, strict=True)]


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_flipped_bytes_inside_records_never_raise(payloads: list[bytes], data: st.DataObject) -> None:
    damaged = list(payloads)
    for place in data.draw(st.lists(st.integers(0, len(payloads) - 1), min_size=1, max_size=20)):
        changed = bytearray(damaged[place])
        changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
        damaged[place] = bytes(changed)
    read(damaged)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.binary(max_size=30), st.integers(1, 40)), max_size=10))
def test_contents_of_random_bytes_never_raise(records: list[tuple[int, bytes, int]]) -> None:
    read([varint(kind << 3 | 2) + varint(len(body)) + body for kind, body, copies in records for _ in range(copies)])


def read(payloads: list[bytes]) -> None:
    """All that is ever asked of a log can be asked."""
    log = Log()
    log.take(lay(payloads))
    log.said()
    assert len(log.history) <= len(payloads)
    for table in (log.history, log.system):
        assert len(table.steps) == len(table.times)
        for name in table.known():
            column = table.column(name)
            assert column.rows.view.max() < len(table)
