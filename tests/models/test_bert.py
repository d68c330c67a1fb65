"""BERT of transformers."""

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification


@pytest.mark.parametrize(
    ("labels", "published_class"), [("masked_tokens", BertForMaskedLM), ("classes", BertForSequenceClassification)]
)
def test_logits_are_those_of_transformers(build, padded, labels, published_class):
    model = build("bert", f"text/{labels}", width=32)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30,
        max_position_embeddings=12,
        hidden_size=32,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        hidden_dropout_prob=0,
        attention_probs_dropout_prob=0,
        pad_token_id=None,
    )
    config.num_labels = 3
    assert torch.equal(model(**padded), published_class(config)(**padded).logits)


def test_token_zero_is_an_ordinary_token(build):
    model = build("bert", "text/masked_tokens", width=32)
    embedding = model.model.get_input_embeddings()
    assert embedding.padding_idx is None
    assert embedding.weight[0].abs().max() > 0


def test_next_tokens_are_refused(build):
    with pytest.raises(ValueError, match=r"model\.labels=next_tokens is not one of masked_tokens, classes, values"):
        build("bert", "text/next_tokens")
