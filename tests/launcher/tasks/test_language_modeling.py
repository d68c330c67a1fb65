"""The next token."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from launcher.data.loader import Batch
from launcher.tasks.language_modeling import LanguageModeling

TOKENS = torch.tensor([[5, 6, 7, 8], [9, 3, 0, 0], [4, 0, 0, 0]], dtype=torch.uint16)
LENGTH = torch.tensor([4, 2, 1], dtype=torch.int32)


def batch(**columns: Tensor) -> Batch:
    return Batch(columns, np.arange(len(columns["tokens"])), 0, 0, 1.0)


def test_targets_are_the_tokens_one_position_on() -> None:
    example = LanguageModeling(bytes_per_token=1.0).example(batch(tokens=TOKENS))
    assert example.inputs["input_ids"][0].tolist() == [5, 6, 7]
    assert example.targets[0].tolist() == [6, 7, 8]


def test_in_packed_text_every_target_counts() -> None:
    assert LanguageModeling(bytes_per_token=1.0).example(batch(tokens=TOKENS)).num_terms == 9


def test_in_padded_text_only_real_targets_count() -> None:
    example = LanguageModeling(bytes_per_token=1.0).example(batch(tokens=TOKENS, length=LENGTH))
    assert int(example.num_terms) == 3 + 1 + 0


def test_the_loss_sum_over_the_count_is_the_mean_over_real_targets_of_unequal_rows() -> None:
    logits = torch.randn(3, 3, 10)
    task = LanguageModeling(bytes_per_token=1.0)
    example = task.example(batch(tokens=TOKENS, length=LENGTH))
    mean = task.loss_sum(logits, example.targets) / example.num_terms
    plain = cross_entropy(torch.cat([logits[0], logits[1, :1]]), torch.tensor([6, 7, 8, 3]))
    assert mean.item() == pytest.approx(plain.item(), rel=1e-5)


def test_what_a_model_says_at_padding_changes_no_loss() -> None:
    logits = torch.randn(3, 3, 10)
    task = LanguageModeling(bytes_per_token=1.0)
    targets = task.example(batch(tokens=TOKENS, length=LENGTH)).targets
    other = logits.clone()
    other[1, 1:] = 50.0
    other[2] = -50.0
    assert task.loss_sum(logits, targets).item() == task.loss_sum(other, targets).item()


def test_perplexity_and_bits_per_byte_follow_from_the_loss() -> None:
    task = LanguageModeling(bytes_per_token=2.0)
    example = task.example(batch(tokens=TOKENS, length=LENGTH))
    logits = torch.zeros(3, 3, 16)  # a uniform guess among 16
    metrics = task.metrics()
    task.update(metrics, logits, example.targets, task.loss_sum(logits, example.targets))
    computed = {name: float(value) for name, value in metrics.compute().items()}
    assert computed == pytest.approx({"perplexity": 16.0, "bits_per_byte": math.log2(16) / 2.0})
