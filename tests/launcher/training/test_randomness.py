from __future__ import annotations

import pytest
import torch

from launcher.training.randomness import reseed, step_seed

CPU = torch.device("cpu")


def test_each_step_share_and_run_has_a_seed_of_its_own() -> None:
    seeds = {
        step_seed(seed, step=step, data_rank=rank) for seed in range(10) for step in range(100) for rank in range(10)
    }
    assert len(seeds) == 10 * 100 * 10


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_a_seed_is_one_that_torch_takes(seed: int) -> None:
    reseed(CPU, step_seed(seed, step=10**12, data_rank=10**6))


def test_seeds_stay_as_they_are_or_old_runs_would_go_on_otherwise() -> None:
    assert step_seed(0, step=0, data_rank=0) == 0x238275BC38FCBE91


def test_what_was_drawn_before_changes_nothing() -> None:
    reseed(CPU, 5)
    first = torch.rand(4)
    torch.rand(1000)
    reseed(CPU, 5)
    assert torch.equal(torch.rand(4), first)


def test_the_default_generator_is_the_one_that_is_set() -> None:
    reseed(CPU, 7)
    assert torch.initial_seed() == 7
