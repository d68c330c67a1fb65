"""A browser finds in the bytes what was put in."""

from __future__ import annotations

import json
import struct

import numpy as np

from launcher.dashboard.views.encoding import encode
from launcher.dashboard.views.series import Line, Lines


def line(count: int, *, smoothed: bool = False) -> Line:
    x, y = np.arange(count, dtype=float), np.arange(count) * np.nan
    return Line(run="k", metric="größe, 损失", x=x, y=y, smoothed=x + 0.5 if smoothed else None, total=7 * count)


def decoded(content: bytes) -> tuple[dict, np.ndarray]:
    (length,) = struct.unpack("<I", content[:4])
    assert (4 + length) % 8 == 0
    return json.loads(content[4 : 4 + length]), np.frombuffer(content[4 + length :], "<f8")


def test_each_line_is_found_by_its_offset_and_count() -> None:
    found = Lines(lines=[line(2), line(0), line(3)], x="step", smoothed=False, cursors={"k": "0-1"})
    header, floats = decoded(encode(found))
    assert [(each["offset"], each["count"], each["total"]) for each in header["lines"]] == [
        (0, 2, 14),
        (4, 0, 0),
        (4, 3, 21),
    ]
    assert floats[4:7].tolist() == [0.0, 1.0, 2.0]
    assert np.isnan(floats[7:10]).all()
    assert header["lines"][0]["metric"] == "größe, 损失"
    assert (header["x"], header["cursors"], header["smoothed"]) == ("step", {"k": "0-1"}, False)


def test_smoothed_values_follow_those_of_their_line() -> None:
    header, floats = decoded(encode(Lines(lines=[line(2, smoothed=True)] * 2, x="step", smoothed=True)))
    assert (header["smoothed"], [each["offset"] for each in header["lines"]]) == (True, [0, 6])
    assert floats[10:12].tolist() == [0.5, 1.5]


def test_slices_are_written_as_they_are_seen() -> None:
    x = np.arange(10.0)[::3]
    found = Line(run="k", metric="a", x=x, y=x.astype(">f8"), smoothed=None, total=4)
    _, floats = decoded(encode(Lines(lines=[found], x="step", smoothed=False)))
    assert floats.tolist() == [0.0, 3.0, 6.0, 9.0] * 2


def test_a_header_of_any_length_ends_where_floats_may_begin() -> None:
    for count in range(9):
        restarts = {"k": [{"attempt": 1, "x": float("nan")}]}
        header, floats = decoded(encode(Lines(lines=[line(1)], x="s" * count, smoothed=False, restarts=restarts)))
        assert (len(floats), header["restarts"]["k"][0]["x"]) == (2, "NaN")
