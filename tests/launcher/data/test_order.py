"""The order of samples: shuffled by the seed alone, dealt to ranks without loss."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from launcher.data.order import deal, epoch_order, sample_noise

SPREADS = list(product((1, 2, 5), (1, 2, 3, 4)))  # micro batch, ranks


def hands(number: int, micro: int, ranks: int) -> list[list[NDArray[np.int64]]]:
    """What `deal` gives to each rank."""
    return [deal(np.arange(number), micro_batch_size=micro, rank=rank, num_ranks=ranks) for rank in range(ranks)]


def test_an_epoch_holds_every_sample_once() -> None:
    assert sorted(epoch_order(101, seed=3, epoch=2)) == list(range(101))


def test_the_same_seed_and_epoch_give_the_same_order() -> None:
    assert epoch_order(50, seed=3, epoch=2).tolist() == epoch_order(50, seed=3, epoch=2).tolist()


@pytest.mark.parametrize(("seed", "epoch"), [(1, 0), (0, 1), (2**32 - 1, 0)])
def test_another_seed_or_epoch_gives_another_order(seed: int, epoch: int) -> None:
    assert epoch_order(50, seed=0, epoch=0).tolist() != epoch_order(50, seed=seed, epoch=epoch).tolist()


def test_seed_and_epoch_are_not_interchangeable() -> None:
    assert epoch_order(50, seed=1, epoch=0).tolist() != epoch_order(50, seed=0, epoch=1).tolist()


@pytest.mark.parametrize(("micro", "ranks"), SPREADS)
def test_every_sample_is_dealt_exactly_once(micro: int, ranks: int) -> None:
    for number in range(25):
        dealt = [sample for hand in hands(number, micro, ranks) for part in hand for sample in part]
        assert sorted(dealt) == list(range(number))


@pytest.mark.parametrize(("micro", "ranks"), SPREADS)
def test_every_rank_gets_the_same_number_of_micro_batches(micro: int, ranks: int) -> None:
    for number in range(25):
        assert {len(hand) for hand in hands(number, micro, ranks)} == {-(-number // (micro * ranks))}


@pytest.mark.parametrize(("micro", "ranks"), SPREADS)
def test_no_micro_batch_is_larger_than_asked(micro: int, ranks: int) -> None:
    for number in range(25):
        assert all(len(part) <= micro for hand in hands(number, micro, ranks) for part in hand)


@pytest.mark.parametrize(("micro", "ranks"), SPREADS)
def test_no_rank_gets_over_one_sample_more_than_another(micro: int, ranks: int) -> None:
    for number in range(25):
        sizes = [sum(len(part) for part in hand) for hand in hands(number, micro, ranks)]
        assert max(sizes) - min(sizes) <= 1


def test_noise_is_the_same_for_a_sample_whatever_else_is_in_the_batch() -> None:
    together = sample_noise(np.arange(10), 4, seed=0, epoch=0)
    apart = sample_noise(np.array([7, 2]), 4, seed=0, epoch=0)
    assert apart.tolist() == together[[7, 2]].tolist()


def test_noise_at_a_position_does_not_depend_on_the_width() -> None:
    narrow = sample_noise(np.arange(3), 4, seed=0, epoch=0)
    wide = sample_noise(np.arange(3), 9, seed=0, epoch=0)
    assert narrow.tolist() == wide[:, :4].tolist()


@pytest.mark.parametrize(("seed", "epoch"), [(1, 0), (0, 1), (2**32 - 1, 0)])
def test_another_seed_or_epoch_gives_other_noise(seed: int, epoch: int) -> None:
    first = sample_noise(np.arange(50), 8, seed=0, epoch=0)
    second = sample_noise(np.arange(50), 8, seed=seed, epoch=epoch)
    assert (first != second).mean() > 0.99


def test_noise_lies_from_zero_to_just_below_one() -> None:
    noise = sample_noise(np.arange(1000), 100, seed=0, epoch=0)
    assert noise.dtype == np.float32
    assert 0 <= noise.min() < 1e-3
    assert 1 - 1e-3 < noise.max() < 1


def test_noise_is_uniform() -> None:
    counts, _ = np.histogram(sample_noise(np.arange(1000), 100, seed=5, epoch=3), bins=50, range=(0, 1))
    chi_square = ((counts - 2000) ** 2 / 2000).sum()
    assert 20 < chi_square < 90  # 49 degrees of freedom; each end is beyond one in a thousand


@pytest.mark.parametrize("axis", [0, 1], ids=["samples", "positions"])
def test_noise_of_neighbours_is_not_correlated(axis: int) -> None:
    noise = sample_noise(np.arange(400), 100, seed=0, epoch=0) - 0.5
    here = np.take(noise, range(noise.shape[axis] - 1), axis=axis)
    there = np.take(noise, range(1, noise.shape[axis]), axis=axis)
    assert abs((here * there).mean() / noise.var()) < 0.02


def test_making_noise_raises_no_overflow_warning() -> None:
    with np.errstate(over="raise"):
        sample_noise(np.array([0, 2**62]), 3, seed=2**32 - 1, epoch=10**6)
