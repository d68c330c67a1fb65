"""The native decoder: a Llama where it should be one, causal, and able to be cut, padded and rebuilt."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from omegaconf import OmegaConf
from transformers import LlamaConfig, LlamaForCausalLM

from models.gpt import GPT

SMALL: dict[str, Any] = {
    "vocab_size": 50,
    "sequence_length": 12,
    "num_layers": 2,
    "num_heads": 4,
    "num_kv_heads": 2,
    "width": 32,
    "mlp_width": 48,
}
EVERYTHING = {**SMALL, "qk_norm": True, "ngram_orders": [2, 3], "ngram_buckets": 64, "ngram_width": 8}
LLAMA_NAMES = {
    "self_attn.q_proj": "attention.wq",
    "self_attn.k_proj": "attention.wk",
    "self_attn.v_proj": "attention.wv",
    "self_attn.o_proj": "attention.wo",
    "mlp.gate_proj": "mlp.w1",
    "mlp.down_proj": "mlp.w2",
    "mlp.up_proj": "mlp.w3",
    "input_layernorm": "attention_norm",
    "post_attention_layernorm": "mlp_norm",
    "model.embed_tokens": "embed",
    "model.layers": "blocks",
    "model.norm": "norm",
    "lm_head": "head",
}


def gpt(settings: dict[str, Any]) -> GPT:
    torch.manual_seed(0)
    return GPT(**settings).eval()


def ids(*shape: int) -> torch.Tensor:
    return torch.randint(0, SMALL["vocab_size"], shape, generator=torch.Generator().manual_seed(1))


def llama_and_gpt(*, tied: bool) -> tuple[LlamaForCausalLM, GPT]:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=SMALL["vocab_size"],
        hidden_size=SMALL["width"],
        intermediate_size=SMALL["mlp_width"],
        num_hidden_layers=SMALL["num_layers"],
        num_attention_heads=SMALL["num_heads"],
        num_key_value_heads=SMALL["num_kv_heads"],
        max_position_embeddings=SMALL["sequence_length"],
        initializer_range=0.2,
        rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": 5000.0},
        tie_word_embeddings=tied,
        bos_token_id=None,
        eos_token_id=None,
    )
    llama = LlamaForCausalLM(config).eval()
    state = llama.state_dict()
    for theirs, ours in LLAMA_NAMES.items():
        state = {name.replace(theirs, ours): tensor for name, tensor in state.items()}
    model = GPT(**SMALL, rope_theta=5000.0, norm_eps=1e-6, tie_embeddings=tied).eval()
    model.load_state_dict(state)
    return llama, model


@pytest.mark.parametrize("tied", [False, True])
def test_logits_equal_those_of_transformers_llama_with_the_same_weights(tied: bool) -> None:
    llama, model = llama_and_gpt(tied=tied)
    torch.testing.assert_close(model(ids(3, 12)), llama(ids(3, 12)).logits, atol=1e-5, rtol=0)


def test_masked_padding_gives_the_same_logits_as_transformers_llama() -> None:
    llama, model = llama_and_gpt(tied=False)
    mask = torch.ones(2, 12, dtype=torch.long)
    mask[0, :5] = 0  # padded before
    mask[1, 7:] = 0  # padded behind
    ours, theirs = model(ids(2, 12), mask), llama(ids(2, 12), attention_mask=mask).logits
    torch.testing.assert_close(ours[mask.bool()], theirs[mask.bool()], atol=1e-5, rtol=0)
    assert ours.isfinite().all()


def test_gradients_equal_those_of_transformers_llama() -> None:
    llama, model = llama_and_gpt(tied=False)
    for logits in (llama(ids(3, 12)).logits, model(ids(3, 12))):
        F.cross_entropy(logits.flatten(0, 1), ids(36)).backward()
    torch.testing.assert_close(
        model.blocks["0"].attention.wk.weight.grad,
        llama.model.layers[0].self_attn.k_proj.weight.grad,
        atol=1e-5,
        rtol=1e-4,
    )


@pytest.mark.parametrize("settings", [SMALL, EVERYTHING])
def test_no_logit_depends_on_a_later_token(settings: dict[str, Any]) -> None:
    model, tokens = gpt(settings), ids(1, 12)
    changed = tokens.clone()
    changed[0, 7] = (changed[0, 7] + 1) % SMALL["vocab_size"]
    before, after = model(tokens), model(changed)
    torch.testing.assert_close(before[:, :7], after[:, :7])
    assert not torch.equal(before[:, 7], after[:, 7])


def test_padding_before_a_text_changes_nothing_with_every_option_on() -> None:
    model, tokens = gpt(EVERYTHING), ids(1, 8)
    padded = F.pad(tokens, (4, 0), value=3)
    mask = torch.arange(12)[None] >= 4
    torch.testing.assert_close(model(padded, mask)[:, 4:], model(tokens), atol=1e-5, rtol=0)


@pytest.mark.parametrize("num_layers", [1, 16])
@pytest.mark.parametrize("tied", [False, True])
def test_an_untrained_model_of_any_depth_prefers_no_token_strongly(num_layers: int, tied: bool) -> None:
    torch.manual_seed(0)
    model = GPT(**{**EVERYTHING, "num_layers": num_layers, "tie_embeddings": tied})
    loss = F.cross_entropy(model(ids(20, 12)).flatten(0, 1), ids(240))
    assert loss.item() == pytest.approx(math.log(SMALL["vocab_size"]), abs=0.7)


@pytest.mark.parametrize("tied", [False, True])
def test_a_model_built_on_meta_is_reset_to_the_same_weights_as_one_built_at_once(tied: bool) -> None:
    settings = {**EVERYTHING, "tie_embeddings": tied}
    at_once = GPT(**settings)
    with torch.device("meta"):
        later = GPT(**settings)
    later.to_empty(device="cpu")
    for model in (at_once, later):
        torch.manual_seed(7)
        model.reset_parameters()
    for (name, expected), found in zip(at_once.state_dict().items(), later.state_dict().values(), strict=True):
        assert torch.equal(expected, found), name
    assert torch.equal(at_once(ids(1, 12)), later(ids(1, 12)))


def test_every_parameter_learns() -> None:
    model = gpt({**EVERYTHING, "num_kv_heads": 1}).train()
    F.cross_entropy(model(ids(2, 12)).flatten(0, 1), ids(24)).backward()
    silent = [name for name, parameter in model.named_parameters() if not parameter.grad.any()]
    assert silent == []


def test_dropout_acts_in_training_only() -> None:
    model = gpt({**SMALL, "dropout": 0.5})
    assert torch.equal(model(ids(1, 12)), model(ids(1, 12)))
    model.train()
    assert not torch.equal(model(ids(1, 12)), model(ids(1, 12)))


def test_two_stages_with_the_names_of_the_whole_give_its_logits() -> None:
    whole, first, last = gpt(EVERYTHING), gpt(EVERYTHING), gpt(EVERYTHING)
    del first.blocks["1"], last.blocks["0"]
    first.norm = first.head = last.embed = last.ngrams = None
    assert first.state_dict().keys() | last.state_dict().keys() == whole.state_dict().keys()
    assert torch.equal(last(first(ids(2, 12))), whole(ids(2, 12)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 30}, "model.width=30 is not divisible by model.num_heads=4"),
        ({"width": 36}, "heads of odd width"),
        ({"num_kv_heads": 3}, "model.num_heads=4 is not divisible by model.num_kv_heads=3"),
        ({"num_layers": 0}, "model.num_layers=0"),
        ({"dropout": 1.0}, "model.dropout"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GPT(**{**SMALL, **change})


def test_the_tiny_config_builds_and_takes_a_batch() -> None:
    path = Path(__file__).parents[2] / "conf" / "model" / "gpt_tiny.yaml"
    config = OmegaConf.merge(OmegaConf.load(path), {"data": {"vocab_size": 256, "sequence_length": 16}})
    settings = OmegaConf.to_container(config, resolve=True)
    built = GPT(**{name: value for name, value in settings.items() if name != "data" and name[0] != "_"})
    assert built(ids(2, 16)).shape == (2, 16, 256)
