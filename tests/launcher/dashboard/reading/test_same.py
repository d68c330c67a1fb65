"""Pieces of bytes are found to be the same exactly where they are."""

from __future__ import annotations

from unittest import mock

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from launcher.dashboard.reading import same
from launcher.dashboard.reading.same import same_as
from launcher.dashboard.reading.walk import PADDING

PIECES = st.lists(st.one_of(st.binary(max_size=20), st.text("ab", max_size=9).map(str.encode)), max_size=60)


@settings(deadline=None, max_examples=150)
@given(PIECES, st.sampled_from([1, 3, 18]))
def test_each_piece_leads_to_the_last_one_like_it(pieces: list[bytes], bits: int) -> None:
    ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    starts = ends - np.array([len(piece) for piece in pieces], np.int64)
    with mock.patch.object(same, "TABLE_BITS", bits):  # few slots, so that different pieces share one
        found = same_as(b"".join(pieces) + PADDING, starts, ends)
    last = {piece: place for place, piece in enumerate(pieces)}
    assert found.tolist() == [last[piece] for piece in pieces]
