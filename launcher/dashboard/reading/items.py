"""Keys and numbers of many rows at once: the part of reading that has to be fast.

It gives what one message after the other and `json.loads` would give.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from launcher.dashboard.reading.same import same_as
from launcher.dashboard.reading.walk import Spans, walk, walk_alone
from launcher.dashboard.reading.wire import BYTES, fields, varint

KEY, NESTED_KEY = 1, 2
INTEGER, NUMBER, JSON, VALUE_JSON = 5, 6, 8, 16
UPDATE, REMOVE = 1, 2
AXES = ("_step", "_timestamp", "_runtime")
ZERO, MINUS = ord("0"), ord("-")
DECODER = json.JSONDecoder(parse_int=float)


class Names(dict[bytes, int]):
    """From the bytes of a key to the place of its name in `names`, -1 where they are no key.

    Parts of a nested key are joined by dots. `media` are names above a `_type`: a table or a picture, and no number.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.media: set[str] = set()
        self._places: dict[str, int] = {}

    def __missing__(self, key: bytes) -> int:
        try:
            path = read_key(key)
        except ValueError:
            path = []
        name = ".".join(path)
        self[key] = self.place(name) if name else -1
        if len(path) > 1 and path[-1] == "_type":
            self.media.add(".".join(path[:-1]))
        return self[key]

    def find(self, name: str) -> int | None:
        """Where a name stands, None where it does not."""
        return self._places.get(name)

    def place(self, name: str) -> int:
        """Where a name stands, as the last one if it is new."""
        if name not in self._places:
            self._places[name] = len(self.names)
            self.names.append(name)
        return self._places[name]


@dataclass(slots=True, kw_only=True)
class Items:
    """Numbers of rows: `values[i]` stands under `names[codes[i]]` in `rows[i]`; a row has each name at most once.

    Sorted by code, then by row. `broken` counts rows that can't be read.
    """

    rows: np.ndarray  # int64
    codes: np.ndarray  # int64
    values: np.ndarray  # float64
    heads: tuple[np.ndarray, np.ndarray]  # of each row, where its field 2 begins and ends
    broken: int = 0


@dataclass(slots=True)
class _Alone:
    """Items of the rows that were walked alone."""

    rows: list[int] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    broken: int = 0


def read_items(data: bytes, starts: list[int], ends: list[int], names: Names, *, number: int) -> Items:
    """The items, fields of that number, of rows that lie in `data`, behind which lies `PADDING`."""
    raw = np.frombuffer(data, np.uint8)
    spans = walk(raw, np.array(starts, np.int64), np.array(ends, np.int64), tag=number << 3 | BYTES)
    codes = _codes(data, spans, names)
    values, is_number = _numbers(data, raw, spans)
    is_number &= codes >= 0
    rows, codes, values = spans.rows[is_number], codes[is_number], values[is_number]
    alone = _Alone()
    for row in spans.left.tolist():
        _read_alone(data, starts[row], ends[row], row, number, names, alone, spans.heads)
    if alone.rows:
        rows = np.concatenate([rows, np.array(alone.rows, np.int64)])
        codes = np.concatenate([codes, np.array(alone.codes, np.int64)])
        values = np.concatenate([values, np.array(alone.values)])
        order = np.argsort(rows, kind="stable")
        rows, codes, values = rows[order], codes[order], values[order]
    order = _by_code(codes, len(names.names))
    rows, codes, values = rows[order], codes[order], values[order]
    is_last = np.ones(len(rows), bool)
    is_last[:-1] = (rows[1:] != rows[:-1]) | (codes[1:] != codes[:-1])
    if not is_last.all():
        rows, codes, values = rows[is_last], codes[is_last], values[is_last]
    return Items(rows=rows, codes=codes, values=values, heads=spans.heads, broken=alone.broken)


def last_items(data: bytes, starts: list[int], ends: list[int]) -> tuple[dict[bytes, bytes | None], int]:
    """For each key, as bytes, the JSON that summaries said last of it, None where it was removed.

    Keys whose last word is older come first. Also how many summaries can't be read.
    """
    raw = np.frombuffer(data, np.uint8)
    spans = walk(raw, np.array(starts, np.int64), np.array(ends, np.int64), tag=UPDATE << 3 | BYTES)
    (key_starts, key_ends), (value_starts, value_ends) = spans.keys, spans.values
    same = same_as(data, key_starts, key_ends)
    said: dict[bytes, tuple[int, bytes | None]] = {}
    for place in np.flatnonzero(same == np.arange(len(same))).tolist():
        value = data[value_starts[place] : value_ends[place]]
        said[data[key_starts[place] : key_ends[place]]] = int(spans.rows[place]), value
    broken = 0
    alone = np.union1d(spans.left, np.flatnonzero(spans.heads[0]))  # what is removed lies where a row has its head
    for row in alone.tolist():
        try:
            removed = walk_alone(data, starts[row], ends[row], number=REMOVE)
            updated = walk_alone(data, starts[row], ends[row], number=UPDATE)
        except ValueError:
            broken += 1
            continue
        news = {key: None for key, _ in removed} | {key: dict(rest).get(VALUE_JSON) for key, rest in updated}
        for key, text in news.items():
            if row >= said.get(key, (0, None))[0]:
                said[key] = row, text
    return {key: text for key, (_, text) in sorted(said.items(), key=lambda pair: pair[1][0])}, broken


def read_key(key: bytes) -> list[str]:
    """The path that the bytes of a key name.

    Raises:
        ValueError: they are no text.
    """
    parts: dict[int, list[str]] = {KEY: [], NESTED_KEY: []}
    for number, _, begin, end in fields(key):
        parts[number].append(key[begin:end].decode())
    return parts[NESTED_KEY] or parts[KEY][-1:]


def to_number(text: bytes) -> float | None:
    """The number that JSON says (NaN and infinity are some, true and false are none), or None."""
    try:
        value = DECODER.decode(text.decode())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, float) else None


def _codes(data: bytes, spans: Spans, names: Names) -> np.ndarray:
    starts, ends = spans.keys
    same = same_as(data, starts, ends)
    codes = np.empty(len(same), np.int64)
    for place in np.flatnonzero(same == np.arange(len(same))).tolist():
        codes[place] = names[data[starts[place] : ends[place]]]
    return codes[same]


def _numbers(data: bytes, raw: np.ndarray, spans: Spans) -> tuple[np.ndarray, np.ndarray]:
    """The value of each item, and whether it is a number.

    What begins as a number does is parsed as one array: it is read as `json.loads` reads each alone if it has as many
    members as there are texts, since none of these begins with a bracket, so that each is at least one member.
    """
    starts, ends = spans.values
    first, second = raw[starts], raw[starts + 1]
    is_plain = (first - ZERO < 10) & (ends > starts)  # unsigned: what is smaller than a zero becomes large
    is_plain |= (first == MINUS) & (second - ZERO < 10) & (ends > starts + 1)
    values = np.full(len(starts), np.nan)
    pairs = zip(starts[is_plain].tolist(), ends[is_plain].tolist(), strict=True)
    texts = [data[start:end] for start, end in pairs]
    parsed = _parse_all(texts)
    if parsed is None:
        numbers = [to_number(text) for text in texts]
        is_plain[is_plain] = [number is not None for number in numbers]
        parsed = [number for number in numbers if number is not None]
    values[is_plain] = parsed
    for index in np.flatnonzero(~is_plain & np.isin(first, np.frombuffer(b"NI- \t\n\r", np.uint8))).tolist():
        number = to_number(data[starts[index] : ends[index]])
        if number is not None:
            values[index], is_plain[index] = number, True
    return values, is_plain


def _parse_all(texts: list[bytes]) -> list[Any] | None:
    try:
        parsed = orjson.loads(b"[" + b",".join(texts) + b"]")
    except ValueError:
        return None
    return parsed if len(parsed) == len(texts) else None


def _read_alone(
    data: bytes,
    start: int,
    end: int,
    row: int,
    number: int,
    names: Names,
    alone: _Alone,
    heads: tuple[np.ndarray, np.ndarray],
) -> None:
    try:
        items = walk_alone(data, start, end, number=number)
        for field_number, _, begin, after in fields(data, start, end):
            if field_number == 2:
                heads[0][row], heads[1][row] = begin, after
    except ValueError:
        alone.broken += 1
        return
    for key, rest in items:
        code = names[key]
        value = _typed(rest)
        if value is not None and code >= 0:
            alone.rows.append(row)
            alone.codes.append(code)
            alone.values.append(value)


def _typed(rest: list[tuple[int, bytes]]) -> float | None:
    """The number of an item: as JSON, or as newer writers may say it."""
    value = None
    for number, raw in rest:
        if number in (VALUE_JSON, JSON):
            value = to_number(raw)
        elif number == INTEGER:
            zigzag, _ = varint(raw, 0, len(raw))
            value = float(zigzag >> 1 if zigzag % 2 == 0 else -(zigzag >> 1) - 1)
        elif number == NUMBER and len(raw) == 8:
            value = struct.unpack("<d", raw)[0]
    return value


def _by_code(codes: np.ndarray, count: int) -> np.ndarray:
    small = codes.astype(np.uint16) if count <= 1 << 16 else codes  # of small numbers the sort is linear
    return np.argsort(small, kind="stable")
