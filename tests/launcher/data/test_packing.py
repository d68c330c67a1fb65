"""Packing loses no token but those of the last incomplete row, and pads what stands alone."""

from __future__ import annotations

import numpy as np
import pytest

from launcher.data.packing import Packer, pad


def documents(*lengths: int) -> list[np.ndarray]:
    ends = np.cumsum(lengths)
    return [np.arange(end - length, end) for length, end in zip(lengths, ends, strict=True)]


def test_every_token_but_the_first_is_predicted_once() -> None:
    packer = Packer(width=5, stride=4, dtype="uint16")
    rows = np.concatenate([packer.add([document]) for document in documents(3, 1, 14, 2, 8)])
    np.testing.assert_array_equal(rows[:, 1:].reshape(-1), np.arange(1, 25))
    np.testing.assert_array_equal(rows[:, :-1].reshape(-1), np.arange(24))
    assert packer.num_left == 3


def test_rows_without_overlap_hold_every_token_once() -> None:
    packer = Packer(width=4, stride=4, dtype="uint8")
    rows = packer.add(documents(9, 4))
    np.testing.assert_array_equal(rows, np.arange(12).reshape(3, 4))
    assert packer.num_left == 1


@pytest.mark.parametrize("lengths", [(20,), (1,) * 20, (7, 13), (4, 4, 4, 4, 4)])
def test_batches_make_no_difference(lengths: tuple[int, ...]) -> None:
    whole = Packer(width=5, stride=4, dtype="uint8").add(documents(*lengths))
    packer = Packer(width=5, stride=4, dtype="uint8")
    pieces = np.concatenate([packer.add([document]) for document in documents(*lengths)])
    np.testing.assert_array_equal(pieces, whole)


def test_a_stream_that_fills_no_row_is_left_whole() -> None:
    packer = Packer(width=5, stride=4, dtype="uint8")
    assert packer.add(documents(4)).shape == (0, 5)
    assert packer.num_left == 3


def test_padding_and_cutting_tell_the_length() -> None:
    rows, lengths = pad(documents(2, 6), width=4, pad_token_id=99, dtype="uint8")
    np.testing.assert_array_equal(rows, [[0, 1, 99, 99], [2, 3, 4, 5]])
    np.testing.assert_array_equal(lengths, [2, 4])
