"""What holds for every task: a loss sum and a count that add up, however a batch is divided."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from launcher.data.loader import Batch
from launcher.tasks.classification import Classification
from launcher.tasks.language_modeling import LanguageModeling
from launcher.tasks.masked_language_modeling import MaskedLanguageModeling
from launcher.tasks.regression import Regression
from launcher.tasks.task import Task

SAMPLES, WIDTH, VOCAB = 7, 24, 11


@dataclass(frozen=True, slots=True)
class Case:
    """A task, the columns of all samples, and what a model would say of each."""

    task: Task
    columns: dict[str, Tensor]
    outputs: Tensor

    def part(self, ids: list[int]) -> tuple[float, float]:
        """Loss sum and count of a batch of these samples."""
        batch = Batch({name: column[ids] for name, column in self.columns.items()}, np.array(ids), 0, 0, 1.0)
        example = self.task.example(batch)
        return float(self.task.loss_sum(self.outputs[ids], example.targets)), float(example.num_terms)


def cases() -> dict[str, Case]:
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(SAMPLES, 3, generator=draw)
    tokens = torch.randint(VOCAB, (SAMPLES, WIDTH), generator=draw, dtype=torch.uint8)
    length = torch.tensor([24, 9, 1, 17, 2, 24, 5], dtype=torch.int32)
    logits = torch.randn(SAMPLES, WIDTH, VOCAB, generator=draw)
    return {
        "classification": Case(
            Classification(num_classes=4),
            {"inputs": inputs, "labels": torch.randint(4, (SAMPLES,), generator=draw)},
            torch.randn(SAMPLES, 4, generator=draw),
        ),
        "regression": Case(
            Regression(num_outputs=2),
            {"inputs": inputs, "labels": torch.randn(SAMPLES, 2, generator=draw)},
            torch.randn(SAMPLES, 2, generator=draw),
        ),
        "language_modeling": Case(
            LanguageModeling(bytes_per_token=1.0), {"tokens": tokens, "length": length}, logits[:, 1:]
        ),
        "masked_language_modeling": Case(
            MaskedLanguageModeling(vocab_size=VOCAB, mask_token_id=0, mask_fraction=0.3),
            {"tokens": tokens, "length": length},
            logits,
        ),
    }


@pytest.mark.parametrize("name", cases())
@pytest.mark.parametrize("parts", [[[0], [1], [2], [3], [4], [5], [6]], [[6, 0, 3], [2, 1], [5, 4]]])
def test_loss_sums_of_parts_add_up_to_that_of_the_whole(name: str, parts: list[list[int]]) -> None:
    case = cases()[name]
    loss, _ = case.part(list(range(SAMPLES)))
    assert sum(case.part(part)[0] for part in parts) == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("name", cases())
@pytest.mark.parametrize("parts", [[[0], [1], [2], [3], [4], [5], [6]], [[6, 0, 3], [2, 1], [5, 4]]])
def test_counts_of_parts_add_up_to_that_of_the_whole(name: str, parts: list[list[int]]) -> None:
    case = cases()[name]
    _, count = case.part(list(range(SAMPLES)))
    assert sum(case.part(part)[1] for part in parts) == count


@pytest.mark.parametrize("name", ["classification", "regression"])
def test_a_count_that_is_the_same_for_each_sample_needs_no_message_between_ranks(name: str) -> None:
    case = cases()[name]
    assert isinstance(case.task.example(Batch(case.columns, np.arange(SAMPLES), 0, 0, 1.0)).num_terms, int)
