"""Llama of transformers."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM


def test_logits_are_those_of_transformers(build, padded):
    model = build("llama", "text/next_tokens", width=32, mlp_width=48, num_layers=2)
    torch.manual_seed(0)
    published = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=30,
            max_position_embeddings=12,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            bos_token_id=None,
            eos_token_id=None,
        )
    )
    assert torch.equal(model(**padded), published(**padded).logits)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"width": 130}, r"model\.width=130 is not divisible by model\.num_heads=4"),
        ({"num_kv_heads": 3}, r"model\.num_heads=4 is not divisible by model\.num_kv_heads=3"),
        ({"width": 12}, r"model\.width=12 over model\.num_heads=4 .* use model\.width=16"),
    ],
)
def test_heads_that_do_not_fit_are_refused(build, sizes, message):
    with pytest.raises(ValueError, match=message):
        build("llama", "text/next_tokens", **sizes)
