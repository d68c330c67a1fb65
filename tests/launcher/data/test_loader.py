"""Steps of all ranks together are the one global order, however it is spread."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from launcher.data.loader import Share, evaluation_batches, steps_per_epoch, training_steps
from launcher.data.order import epoch_order

SPREADS = list(product((1, 2, 3, 4), (1, 2, 5)))  # ranks, micro batch


class Table:
    """Rows that are named by their own number."""

    def __init__(self, num_rows: int) -> None:
        self.values = np.arange(num_rows)

    def __len__(self) -> int:
        return len(self.values)

    def gather(self, indices: NDArray[np.int64]) -> dict[str, NDArray]:
        return {"inputs": 10.0 * self.values[indices], "labels": self.values[indices]}


def share(*, rank: int = 0, ranks: int = 1, batch: int = 8, micro: int = 2, seed: int = 0) -> Share:
    return Share(
        global_batch_size=batch,
        micro_batch_size=micro,
        rank=rank,
        num_ranks=ranks,
        seed=seed,
        device=torch.device("cpu"),
    )


def seen(num_rows: int, *, ranks: int, micro: int, first: int, last: int, batch: int = 8) -> list[list[int]]:
    """Sorted samples of each step over all ranks, stand-ins left out."""
    steps: list[list[int]] = [[] for _ in range(first, last)]
    for rank in range(ranks):
        mine = training_steps(
            Table(num_rows), share(rank=rank, ranks=ranks, micro=micro, batch=batch), first=first, last=last
        )
        for samples, step in zip(steps, mine, strict=True):
            samples += [int(sample) for batch in step.batches if batch.weight for sample in batch.sample_ids]
    return [sorted(samples) for samples in steps]


@pytest.mark.parametrize(("ranks", "micro"), SPREADS)
def test_steps_of_all_ranks_are_the_slices_of_the_global_order(ranks: int, micro: int) -> None:
    order = epoch_order(21, seed=0, epoch=0).tolist()
    slices = [sorted(order[start : start + 8]) for start in (0, 8, 16)]
    assert seen(21, ranks=ranks, micro=micro, first=0, last=3) == slices


@pytest.mark.parametrize(("ranks", "micro"), SPREADS)
def test_every_sample_is_seen_once_an_epoch(ranks: int, micro: int) -> None:
    steps = seen(21, ranks=ranks, micro=micro, first=3, last=6)
    assert sorted(sample for step in steps for sample in step) == list(range(21))


def test_samples_within_a_step_keep_the_global_order_on_one_rank() -> None:
    (step,) = training_steps(Table(21), share(), first=1, last=2)
    order = epoch_order(21, seed=0, epoch=0)[8:16].tolist()
    assert [int(sample) for batch in step.batches for sample in batch.sample_ids] == order


def test_what_a_step_sees_is_a_function_of_its_number_alone() -> None:
    straight = seen(21, ranks=2, micro=2, first=0, last=9)
    resumed = seen(21, ranks=2, micro=2, first=5, last=9)
    assert resumed == straight[5:]


def test_each_epoch_has_an_order_of_its_own() -> None:
    steps = seen(24, ranks=1, micro=8, first=0, last=6)
    assert steps[:3] != steps[3:]


def test_the_order_depends_on_the_seed() -> None:
    first, second = (
        next(training_steps(Table(50), share(seed=seed), first=0, last=1)).batches[0].sample_ids.tolist()
        for seed in (0, 1)
    )
    assert first != second


def test_a_step_knows_its_number_its_epoch_and_its_samples_over_all_ranks() -> None:
    steps = training_steps(Table(21), share(rank=1, ranks=2), first=2, last=4)
    assert [(step.index, step.epoch, step.num_samples) for step in steps] == [(2, 0, 5), (3, 1, 8)]


def test_a_step_knows_how_many_samples_all_ranks_have_seen_to_its_end() -> None:
    steps = training_steps(Table(21), share(rank=1, ranks=2), first=1, last=5)
    assert [step.num_seen for step in steps] == [16, 21, 29, 37]


@pytest.mark.parametrize(("ranks", "micro"), SPREADS)
def test_all_ranks_take_the_same_number_of_micro_batches(ranks: int, micro: int) -> None:
    counts = [
        [
            len(step.batches)
            for step in training_steps(Table(17), share(rank=r, ranks=ranks, micro=micro), first=0, last=3)
        ]
        for r in range(ranks)
    ]
    assert counts == counts[:1] * ranks


def test_a_rank_without_a_sample_gets_a_stand_in_that_counts_nothing() -> None:
    weights = [
        [batch.weight for batch in step.batches]
        for rank in range(2)
        for step in training_steps(Table(9), share(rank=rank, ranks=2), first=1, last=2)
    ]
    assert sorted(weights) == [[0.0], [1.0]]


def test_a_stand_in_is_a_real_row() -> None:
    batches = [next(evaluation_batches(Table(1), share(rank=r, ranks=2), max_samples=None)) for r in range(2)]
    assert [batch.columns["labels"].tolist() for batch in batches] == [[0], [0]]


def test_columns_are_the_rows_that_the_ids_name() -> None:
    (step,) = training_steps(Table(21), share(), first=0, last=1)
    batch = step.batches[1]
    assert batch.columns["inputs"].tolist() == [10.0 * sample for sample in batch.sample_ids]


def test_columns_go_to_the_device_of_the_share() -> None:
    meta = Share(global_batch_size=2, micro_batch_size=2, rank=0, num_ranks=1, seed=0, device=torch.device("meta"))
    batch = next(evaluation_batches(Table(2), meta, max_samples=None))
    assert {column.device.type for column in batch.columns.values()} == {"meta"}


def test_noise_of_a_sample_is_the_same_on_any_rank() -> None:
    def noise(ranks: int) -> dict[int, list[float]]:
        batches = [
            batch
            for rank in range(ranks)
            for step in training_steps(Table(16), share(rank=rank, ranks=ranks), first=0, last=2)
            for batch in step.batches
        ]
        return {
            int(s): row for batch in batches for s, row in zip(batch.sample_ids, batch.noise(3).tolist(), strict=True)
        }

    assert noise(1) == noise(2) == noise(4)


def test_noise_of_a_sample_changes_from_epoch_to_epoch() -> None:
    first, second = training_steps(Table(1), share(batch=1, micro=1), first=0, last=2)
    assert first.batches[0].noise(8).tolist() != second.batches[0].noise(8).tolist()


@pytest.mark.parametrize(("ranks", "micro"), SPREADS)
def test_evaluation_sees_every_row_once(ranks: int, micro: int) -> None:
    batches = [
        batch
        for rank in range(ranks)
        for batch in evaluation_batches(Table(21), share(rank=rank, ranks=ranks, micro=micro), max_samples=None)
    ]
    assert sorted(int(s) for batch in batches if batch.weight for s in batch.sample_ids) == list(range(21))


@pytest.mark.parametrize(("limit", "expected"), [(5, 5), (100, 21)])
def test_evaluation_sees_the_first_rows_up_to_a_limit(limit: int, expected: int) -> None:
    batches = evaluation_batches(Table(21), share(), max_samples=limit)
    assert [int(sample) for batch in batches for sample in batch.sample_ids] == list(range(expected))


@pytest.mark.parametrize("num_rows", [1, 3, 8, 21])
def test_all_ranks_take_the_same_number_of_evaluation_batches(num_rows: int) -> None:
    counts = {
        len(list(evaluation_batches(Table(num_rows), share(rank=rank, ranks=4), max_samples=None))) for rank in range(4)
    }
    assert len(counts) == 1


@pytest.mark.parametrize(("samples", "steps"), [(1, 1), (8, 1), (9, 2), (16, 2)])
def test_an_epoch_has_a_last_step_for_what_is_left_over(samples: int, steps: int) -> None:
    assert steps_per_epoch(samples, 8) == steps
