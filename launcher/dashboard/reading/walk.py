"""Where keys and values lie in many rows of protocol buffers, found with arrays.

W&B writes the items of a row in any order, so no row looks like the one before. All rows are walked abreast instead:
each turn takes the next field of every row.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from launcher.dashboard.reading.wire import BYTES, fields

Integers = np.ndarray  # of int64
Octets = np.ndarray  # of uint8

PADDING = bytes(16)
"""Must lie behind the last row: the walk looks a few bytes ahead."""
FEW_ROWS = 24
"""As many rows are walked one by one; a turn costs as much for one as for some hundred."""
MAX_NESTING = 8
"""Turns to find the end of a nested key; what is deeper is walked alone."""
TAG_KEY, TAG_NESTED_KEY, TAG_HEAD, TAG_TYPE = 0x0A, 0x12, 0x12, 0x08
TAG_VALUE = 0x82, 0x01
LONG = 0x80
"""From this byte on, a number has more than one."""


@dataclass(slots=True)
class Spans:
    """Items of rows, in the order of the file: row, and where the bytes of its key and of its value begin and end.

    `heads` says for each row where its field 2 lies (the step of a history, the time of system metrics), 0 for none.
    `left` are rows that have to be walked alone; they have no spans.
    """

    rows: Integers
    keys: tuple[Integers, Integers]
    values: tuple[Integers, Integers]
    heads: tuple[Integers, Integers]
    left: Integers


@dataclass(slots=True)
class _Turn:
    """One field of each row that has not ended."""

    rows: Integers
    at: Integers
    ends: Integers

    def only(self, chosen: np.ndarray) -> _Turn:
        return self if chosen.all() else _Turn(self.rows[chosen], self.at[chosen], self.ends[chosen])


@dataclass(slots=True)
class _Found:
    items: list[np.ndarray] = field(default_factory=list)  # row, turn, and the four spans; an array a turn
    left: list[Integers] = field(default_factory=list)


def walk(raw: Octets, starts: Integers, ends: Integers, *, tag: int) -> Spans:
    """Walk rows of `raw`, behind which lies `PADDING`; items are the fields that begin with the byte `tag`."""
    count = len(starts)
    found, heads = _Found(), (np.zeros(count, np.int64), np.zeros(count, np.int64))
    turn, number = _Turn(np.arange(count), starts, ends), 0
    while True:
        turn = turn.only(turn.at < turn.ends)
        if len(turn.rows) <= FEW_ROWS:
            break
        turn = _take(raw, turn, tag, number, found, heads)
        number += 1
    left = np.unique(np.concatenate([turn.rows, *found.left]))
    items = np.concatenate(found.items, axis=1) if found.items else np.empty((6, 0), np.int64)
    if len(left):
        items = items[:, ~np.isin(items[0], left)]
    items = items[:, _in_order(items[0], items[1], count)]
    return Spans(items[0], (items[2], items[3]), (items[4], items[5]), heads, left)


def _take(raw: Octets, turn: _Turn, tag: int, number: int, found: _Found, heads: tuple[Integers, Integers]) -> _Turn:
    tags = raw[turn.at]
    lengths, begins = lengths_at(raw, turn.at + 1)
    is_type = tags == TAG_TYPE
    if is_type.any():  # a small number, of which nothing is wanted
        begins = np.where(is_type, turn.at + 1, begins)
        lengths = np.where(is_type, np.where(raw[begins] < LONG, 1, -1), lengths)
    after = begins + lengths
    is_item, is_head = tags == tag, tags == TAG_HEAD
    known = (is_item | is_head | is_type) & (lengths >= 0) & (after <= turn.ends)
    if is_head.any():
        chosen = is_head & known
        heads[0][turn.rows[chosen]], heads[1][turn.rows[chosen]] = begins[chosen], after[chosen]
    chosen = is_item & known
    rows, begins, item_ends = turn.rows[chosen], begins[chosen], after[chosen]
    key_ends, value_starts, is_sound = _split(raw, begins, item_ends)
    found.items.append(np.stack([rows, np.full(len(rows), number), begins, key_ends, value_starts, item_ends]))
    if not is_sound.all():
        found.left.append(rows[~is_sound])
    if not known.all():
        found.left.append(turn.rows[~known])
    return _Turn(turn.rows, after, turn.ends).only(known)


def _split(raw: Octets, begins: Integers, ends: Integers) -> tuple[Integers, Integers, np.ndarray]:
    """Where the key of each item ends and its value begins, and whether it is nothing but these."""
    key_ends, last = begins.copy(), len(raw) - len(PADDING)
    is_sound = np.ones(len(begins), bool)
    for _ in range(MAX_NESTING):
        tags = raw[key_ends]
        is_key = (tags == TAG_KEY) | (tags == TAG_NESTED_KEY)
        if not is_key.any():
            break
        lengths = raw[key_ends + 1].astype(np.int64)
        is_sound &= ~is_key | (lengths < LONG)
        key_ends = np.where(is_key, np.minimum(key_ends + 2 + lengths, last), key_ends)
    lengths, value_starts = lengths_at(raw, key_ends + 2)
    is_sound &= (raw[key_ends] == TAG_VALUE[0]) & (raw[key_ends + 1] == TAG_VALUE[1])
    is_sound &= (lengths >= 0) & (value_starts + lengths == ends) & (key_ends > begins)
    return key_ends, value_starts, is_sound


def lengths_at(raw: Octets, at: Integers) -> tuple[Integers, Integers]:
    """Numbers of up to three bytes, -1 for longer ones, and where they end."""
    first = raw[at].astype(np.int64)
    if (first < LONG).all():
        return first, at + 1
    second, third = raw[at + 1].astype(np.int64), raw[at + 2].astype(np.int64)
    two = (first & 0x7F) | (second & 0x7F) << 7
    three = np.where(third < LONG, two | third << 14, -1)
    is_one, is_two = first < LONG, second < LONG
    lengths = np.where(is_one, first, np.where(is_two, two, three))
    return lengths, at + np.where(is_one, 1, np.where(is_two, 2, 3))


def _in_order(rows: Integers, turns: Integers, count: int) -> Integers:
    """What sorts items by row and turn; nothing is compared unless rows are of very different length."""
    if len(rows) == 0:
        return rows
    width = int(turns.max()) + 1
    if count * width > 8 * len(rows) + 1024:
        return np.lexsort((turns, rows))
    grid = np.full(count * width, -1)
    grid[rows * width + turns] = np.arange(len(rows))
    return grid[grid >= 0]


def walk_alone(data: bytes, start: int, end: int, *, number: int) -> list[tuple[bytes, list[tuple[int, bytes]]]]:
    """The items of one row, whatever they hold: the bytes of the key, and number and bytes of every other field.

    Raises:
        ValueError: it is no message.
    """
    items = []
    for field_number, kind, begin, after in fields(data, start, end):
        if field_number == number and kind == BYTES:
            key, rest, at = b"", [], begin
            for each, _, value_start, value_end in fields(data, begin, after):
                if each in (1, 2):
                    key += data[at:value_end]
                else:
                    rest.append((each, data[value_start:value_end]))
                at = value_end
            items.append((key, rest))
    return items
