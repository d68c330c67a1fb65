"""Hidden tokens."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from launcher.data.loader import Batch
from launcher.tasks.inputs import IGNORED
from launcher.tasks.masked_language_modeling import MaskedLanguageModeling
from launcher.tasks.task import Example

VOCAB, MASK = 1000, 999
MANY = torch.randint(MASK, (200, 128), generator=torch.Generator().manual_seed(0))  # none is the mask token


def task(mask_fraction: float = 0.15) -> MaskedLanguageModeling:
    return MaskedLanguageModeling(vocab_size=VOCAB, mask_token_id=MASK, mask_fraction=mask_fraction)


def example(tokens: Tensor, *, ids: list[int] | None = None, length: Tensor | None = None, epoch: int = 0) -> Example:
    columns = {"tokens": tokens} if length is None else {"tokens": tokens, "length": length}
    return task().example(Batch(columns, np.arange(len(tokens)) if ids is None else np.array(ids), 0, epoch, 1.0))


def test_the_fraction_that_was_asked_for_is_chosen() -> None:
    assert int(example(MANY).num_terms) / MANY.numel() == pytest.approx(0.15, abs=0.01)


def test_of_the_chosen_tokens_eight_tenths_become_the_mask_one_tenth_random_and_one_tenth_stay() -> None:
    made = example(MANY)
    chosen = made.targets != IGNORED
    seen, meant = made.inputs["input_ids"][chosen], MANY[chosen]
    masked, kept = (seen == MASK).float().mean().item(), (seen == meant).float().mean().item()
    assert (masked, kept, 1 - masked - kept) == pytest.approx((0.8, 0.1, 0.1), abs=0.02)


def test_random_tokens_spread_over_the_whole_vocabulary() -> None:
    made = example(MANY)
    chosen = made.targets != IGNORED
    seen = made.inputs["input_ids"][chosen]
    random = seen[(seen != MASK) & (seen != MANY[chosen])].float()
    assert 0 <= random.min() < 20
    assert VOCAB - 20 < random.max() < VOCAB
    assert random.mean().item() == pytest.approx(VOCAB / 2, rel=0.1)


def test_targets_of_chosen_tokens_are_the_originals() -> None:
    made = example(MANY)
    chosen = made.targets != IGNORED
    assert torch.equal(made.targets[chosen], MANY[chosen])


def test_tokens_that_were_not_chosen_stay() -> None:
    made = example(MANY)
    spared = made.targets == IGNORED
    assert torch.equal(made.inputs["input_ids"][spared], MANY[spared])


def test_padding_is_never_chosen() -> None:
    length = torch.arange(1, 101).repeat(2)
    made = example(MANY, length=length)
    padding = torch.arange(MANY.shape[1])[None, :] >= length[:, None]
    assert (made.targets[padding] == IGNORED).all()


def test_the_same_tokens_are_masked_however_samples_are_spread() -> None:
    whole = example(MANY[:20])
    for ids in ([3, 17, 4], [19], [0, 1]):
        part = example(MANY[ids], ids=ids)
        assert torch.equal(part.inputs["input_ids"], whole.inputs["input_ids"][ids])
        assert torch.equal(part.targets, whole.targets[ids])


def test_another_epoch_masks_other_tokens() -> None:
    first, second = (example(MANY, epoch=epoch).targets != IGNORED for epoch in (0, 1))
    assert (first & second).float().mean().item() == pytest.approx(0.15**2, abs=0.01)


def test_the_loss_sum_over_the_count_is_the_mean_over_chosen_tokens_of_unequal_rows() -> None:
    tokens, length = MANY[:6, :40], torch.tensor([40, 3, 20, 11, 1, 30])
    made = example(tokens, length=length)
    logits = torch.randn(6, 40, VOCAB)
    chosen = made.targets != IGNORED
    mean = task().loss_sum(logits, made.targets) / made.num_terms
    assert mean.item() == pytest.approx(cross_entropy(logits[chosen], tokens[chosen]).item(), rel=1e-5)


def test_a_batch_in_which_nothing_was_chosen_has_a_loss_of_zero_and_finite_gradients() -> None:
    made = example(MANY[:1], length=torch.tensor([0]))
    logits = torch.randn(1, MANY.shape[1], VOCAB, requires_grad=True)
    loss = task().loss_sum(logits, made.targets)
    loss.backward()
    assert loss.item() == 0.0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_perplexity_is_over_the_chosen_tokens_only() -> None:
    made = example(MANY)
    logits = torch.zeros(*MANY.shape, 4)
    targets = made.targets.where(made.targets == IGNORED, made.targets % 4)
    metrics = task().metrics()
    task().update(metrics, logits, targets, task().loss_sum(logits, targets))
    assert float(metrics.compute()["perplexity"]) == pytest.approx(4.0, rel=1e-4)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 1.5])
def test_a_fraction_that_masks_nothing_or_everything_is_refused_with_one_to_type(fraction: float) -> None:
    with pytest.raises(ValueError, match=rf"task.mask_fraction={fraction} .* use task.mask_fraction=0.15"):
        task(fraction)
