"""Any architecture of transformers, fresh or from a checkpoint."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, BertConfig, BertForMaskedLM
from transformers.utils import logging

from models.hf import HF

TINY = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A directory with a BERT that knows 40 tokens and 16 positions."""
    directory = tmp_path_factory.mktemp("bert")
    torch.manual_seed(1)
    logging.disable_progress_bar()
    BertForMaskedLM(BertConfig(vocab_size=40, max_position_embeddings=16, **TINY)).save_pretrained(directory)
    return directory


@pytest.fixture
def wrap(data_for):
    """HF over the stand-in data of a fit."""

    def wrap_it(auto_class, fit, *, config=None, checkpoint=None, dropout=0.0):
        path = None if checkpoint is None else str(checkpoint)
        torch.manual_seed(0)
        return HF(auto_class=auto_class, checkpoint=path, config=config or {}, dropout=dropout, data=data_for(fit))

    return wrap_it


def test_logits_are_those_of_transformers(wrap, padded):
    model = wrap("AutoModelForCausalLM", "text/next_tokens", config={"model_type": "gpt_neox", **TINY})
    torch.manual_seed(0)
    published = AutoModelForCausalLM.from_config(AutoConfig.for_model("gpt_neox", vocab_size=30, **TINY))
    assert torch.equal(model(**padded), published(**padded).logits)


@pytest.mark.parametrize("family", ["gpt2", "gpt_neox", "opt", "roberta", "distilbert"])
def test_a_family_classifies_a_row_by_its_real_tokens_alone(wrap, padded, family):
    config = {"model_type": family, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    if family == "opt":
        config["word_embed_proj_dim"] = 16
    model = wrap("AutoModelForSequenceClassification", "text/classes", config=config)
    for row, length in enumerate((12, 7, 3, 1)):
        alone = model(input_ids=padded["input_ids"][row : row + 1, :length])
        torch.testing.assert_close(model(**padded)[row : row + 1], alone)


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_an_encoder_that_predicts_next_tokens_does_not_see_them(wrap, batch, family):
    model = wrap("AutoModelForCausalLM", "text/next_tokens", config={"model_type": family, **TINY})
    ids = batch("text/next_tokens")["input_ids"]
    changed = torch.cat([ids[:, :6], (ids[:, 6:] + 1) % 30], dim=1)
    torch.testing.assert_close(model(input_ids=ids)[:, :6], model(input_ids=changed)[:, :6])


def test_a_family_that_takes_no_mask_sees_padding_as_its_padding_token(wrap, padded):
    config = {"model_type": "fnet", "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
    model = wrap("AutoModelForMaskedLM", "text/masked_tokens", config=config)
    filled = padded["input_ids"].masked_fill(~padded["attention_mask"], model.model.config.pad_token_id)
    assert torch.equal(model(**padded), model.model(filled).logits)


def test_every_image_family_is_given_pixels(wrap, batch):
    config = {"model_type": "vit", "patch_size": 4, **TINY}
    model = wrap("AutoModelForImageClassification", "image/classes", config=config)
    assert model(**batch("image/classes")).shape == (4, 3)


def test_the_weights_of_a_checkpoint_are_used(wrap, padded, checkpoint):
    model = wrap("AutoModelForMaskedLM", "text/masked_tokens", checkpoint=checkpoint)
    published = BertForMaskedLM.from_pretrained(checkpoint).eval()
    ids = padded["input_ids"].masked_fill(~padded["attention_mask"], 0)
    expected = published(input_ids=ids, attention_mask=padded["attention_mask"]).logits
    torch.testing.assert_close(model(**padded), expected[..., :30])


def test_a_checkpoint_arrives_in_training_mode_and_single_precision(wrap, checkpoint):
    model = wrap("AutoModelForMaskedLM", "text/masked_tokens", checkpoint=checkpoint)
    assert all(module.training for module in model.modules())
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_a_head_that_the_checkpoint_lacks_is_decided_by_the_seed(wrap, checkpoint):
    first, second = (
        wrap("AutoModelForSequenceClassification", "text/classes", checkpoint=checkpoint) for _ in range(2)
    )
    assert torch.equal(first.model.classifier.weight, second.model.classifier.weight)
    assert first.model.classifier.out_features == 3


def test_a_checkpoint_on_the_meta_device_reads_no_weights(wrap, checkpoint):
    with torch.device("meta"):
        model = wrap("AutoModelForMaskedLM", "text/masked_tokens", checkpoint=checkpoint)
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}


def test_a_pickled_checkpoint_is_refused(wrap, checkpoint, tmp_path):
    torch.save({}, tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_bytes((checkpoint / "config.json").read_bytes())
    with pytest.raises(ValueError, match=r"model\.checkpoint=.* can't be loaded: .*model\.safetensors"):
        wrap("AutoModelForMaskedLM", "text/masked_tokens", checkpoint=tmp_path)


def test_a_checkpoint_whose_files_do_not_belong_together_is_refused(wrap, checkpoint, tmp_path):
    BertConfig(vocab_size=40, max_position_embeddings=20, **TINY).save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes((checkpoint / "model.safetensors").read_bytes())
    with pytest.raises(ValueError, match=r"holds bert\.embeddings\.position_embeddings\.weight in another shape"):
        wrap("AutoModelForMaskedLM", "text/masked_tokens", checkpoint=tmp_path)


def test_a_class_without_logits_is_refused(wrap, batch):
    model = wrap(
        "AutoModel", "text/next_tokens", config={"model_type": "gpt2", "n_embd": 16, "n_layer": 1, "n_head": 2}
    )
    with pytest.raises(ValueError, match=r"GPT2Model has no logits; use a model\.auto_class"):
        model(**batch("text/next_tokens"))


def test_a_family_that_the_class_does_not_have_is_refused(wrap):
    with pytest.raises(ValueError, match=r"AutoModelForCausalLM has no model of the family resnet"):
        wrap("AutoModelForCausalLM", "text/next_tokens", config={"model_type": "resnet"})
