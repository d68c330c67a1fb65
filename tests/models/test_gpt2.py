"""GPT-2 of transformers."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from models.gpt2 import GPT2


@pytest.mark.parametrize(
    ("size", "parameters"),
    [("small", 124_439_808), ("medium", 354_823_168), ("large", 774_030_080), ("xl", 1_557_611_200)],
)
def test_published_sizes_have_the_published_number_of_parameters(size, parameters):
    with torch.device("meta"):
        model = GPT2(size=size, vocab_size=50257, sequence_length=1024, dropout=0.0)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


def test_logits_are_those_of_transformers(build, padded):
    model = build("gpt2", "text/next_tokens", size="tiny")
    torch.manual_seed(0)
    published = GPT2LMHeadModel(
        GPT2Config(
            n_embd=64,
            n_layer=2,
            n_head=2,
            vocab_size=30,
            n_positions=12,
            bos_token_id=None,
            eos_token_id=None,
            embd_pdrop=0,
            resid_pdrop=0,
            attn_pdrop=0,
        )
    )
    assert torch.equal(model(**padded), published(**padded).logits)


def test_dropout_reaches_every_kind_that_gpt2_has(build):
    config = build("gpt2", "text/next_tokens", size="tiny", dropout=0.25).model.config
    assert (config.embd_pdrop, config.resid_pdrop, config.attn_pdrop) == (0.25, 0.25, 0.25)


def test_an_unknown_size_is_refused_with_those_that_exist():
    with pytest.raises(ValueError, match=r"model\.size=huge is not one of tiny, small, medium, large, xl"):
        GPT2(size="huge", vocab_size=30, sequence_length=12, dropout=0.0)
