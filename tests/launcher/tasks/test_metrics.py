"""Perplexity and bits per byte, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from launcher.tasks.metrics import BitsPerByte, Perplexity


def test_perplexity_is_the_exponential_of_the_mean_loss_over_all_tokens() -> None:
    metric = Perplexity()
    metric.update(torch.tensor(6.0), torch.tensor(2))
    metric.update(torch.tensor(1.0), torch.tensor(5))
    assert metric.compute().item() == pytest.approx(math.exp(7.0 / 7))


def test_a_uniform_guess_among_n_tokens_has_perplexity_n() -> None:
    metric = Perplexity()
    metric.update(torch.tensor(10 * math.log(32)), torch.tensor(10))
    assert metric.compute().item() == pytest.approx(32, rel=1e-5)


def test_a_uniform_guess_among_256_bytes_costs_eight_bits_a_byte() -> None:
    metric = BitsPerByte(bytes_per_token=1.0)
    metric.update(torch.tensor(10 * math.log(256)), torch.tensor(10))
    assert metric.compute().item() == pytest.approx(8.0)


def test_longer_tokens_spread_their_bits_over_more_bytes() -> None:
    metric = BitsPerByte(bytes_per_token=4.0)
    metric.update(torch.tensor(10 * math.log(256)), torch.tensor(10))
    assert metric.compute().item() == pytest.approx(2.0)


def test_processes_with_unequal_numbers_of_tokens_are_weighed_by_them() -> None:
    mine, theirs = Perplexity(), Perplexity()
    mine.update(torch.tensor(9.0), torch.tensor(1))
    theirs.update(torch.tensor(11.0), torch.tensor(9))
    mine.merge_state(theirs)
    assert mine.compute().item() == pytest.approx(math.exp(2.0))


def test_a_process_without_a_batch_changes_nothing() -> None:
    mine = Perplexity()
    mine.update(torch.tensor(6.0), torch.tensor(3))
    mine.merge_state(Perplexity())
    assert mine.compute().item() == pytest.approx(math.exp(2.0))
