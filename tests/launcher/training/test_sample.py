"""What a model writes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from launcher.training.sample import continue_tokens

VOCAB = 8


class Counter(nn.Module):
    """Is all but certain that the token after n is n + 1, and remembers how it was called."""

    def __init__(self, certainty: float = 50.0) -> None:
        super().__init__()
        self.certainty = certainty
        self.contexts: list[int] = []

    def forward(self, input_ids: Tensor) -> Tensor:
        self.contexts.append(input_ids.shape[1])
        return self.certainty * nn.functional.one_hot((input_ids + 1) % VOCAB, VOCAB).float()


def written(
    model: nn.Module, *, tokens: int = 5, context: int = 4, temperature: float = 1.0, seed: int = 0
) -> list[int]:
    prompt = torch.tensor([1, 2, 3])
    return continue_tokens(
        model, prompt, num_tokens=tokens, max_context=context, temperature=temperature, seed=seed
    ).tolist()


def test_the_prompt_comes_first_and_then_what_the_model_expects() -> None:
    assert written(Counter()) == [1, 2, 3, 4, 5, 6, 7, 0]


def test_a_model_never_sees_more_than_its_context() -> None:
    model = Counter()
    written(model, context=4)
    assert model.contexts == [3, 4, 4, 4, 4]


def test_the_same_seed_writes_the_same() -> None:
    assert written(Counter(0.0), tokens=20) == written(Counter(0.0), tokens=20)


def test_another_seed_writes_something_else() -> None:
    assert written(Counter(0.0), tokens=20) != written(Counter(0.0), tokens=20, seed=1)


def test_sampling_leaves_the_random_stream_of_training_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    written(Counter(0.0))
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(("temperature", "surprises"), [(0.1, False), (10.0, True)])
def test_a_higher_temperature_writes_what_is_less_likely(temperature: float, surprises: bool) -> None:
    tokens = written(Counter(5.0), tokens=40, temperature=temperature)
    expected = [token % VOCAB for token in range(1, 44)]
    assert (tokens != expected) is surprises
