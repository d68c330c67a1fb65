"""What a config becomes for the data at hand, and what is refused."""

import pytest
from transformers import AutoConfig, BertConfig

from models.hf_config import checkpoint_config, find_auto_class, fresh_config, set_dropout


def test_sizes_come_from_the_data(data_for):
    config = fresh_config({"model_type": "gpt2"}, data_for("text/next_tokens"))
    assert (config.vocab_size, config.n_embd, config.eos_token_id) == (30, 768, None)
    config = fresh_config({"model_type": "vit"}, data_for("image/classes"))
    assert (config.num_channels, config.image_size, config.num_labels) == (1, 8, 3)


def test_what_is_stated_wins(data_for):
    config = fresh_config({"model_type": "gpt2", "vocab_size": 64}, data_for("text/next_tokens"))
    assert config.vocab_size == 64


def test_the_position_table_grows_with_the_data(data_for):
    data = {**data_for("text/masked_tokens"), "sequence_length": 2000}
    assert fresh_config({"model_type": "bert"}, data).max_position_embeddings > 2000


def test_padding_of_a_decoder_that_classifies_is_no_token_of_the_data(data_for):
    config = fresh_config({"model_type": "gpt2"}, data_for("text/classes"))
    assert (config.pad_token_id, config.vocab_size) == (30, 31)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"model_type": "lama"},
            r"model\.config\.model_type=lama is not a family .* use model\.config\.model_type=llama",
        ),
        ({"model_type": "bert", "hiden_size": 3}, r"model\.config\.hiden_size is not a key .* one of hidden_size"),
        ({"model_type": "bert", "hidden_size": "x"}, r"model\.config does not make a bert: .*'hidden_size'"),
        ({"model_type": "bert", "max_position_embeddings": 5}, r"dataset\.sequence_length=12 is more than the 5 pos"),
    ],
)
def test_a_config_that_can_not_be_is_refused(data_for, config, message):
    with pytest.raises(ValueError, match=message):
        fresh_config(config, data_for("text/masked_tokens"))


@pytest.mark.parametrize(
    ("name", "fit", "message"),
    [
        (
            "AutoModelForCasualLM",
            "text/next_tokens",
            r"is not an Auto class .* use model\.auto_class=AutoModelForCausalLM",
        ),
        ("AutoModelForCausalLM", "text/classes", r"does not fit text/classes; use model\.auto_class=AutoModelForSeq"),
        ("AutoModelForCausalLM", "table/classes", r"does not fit table/classes; use model=mlp"),
    ],
)
def test_a_class_that_can_not_be_is_refused(data_for, name, fit, message):
    with pytest.raises(ValueError, match=message):
        find_auto_class(name, data_for(fit))


def test_a_checkpoint_must_know_the_vocabulary_and_the_length(data_for, tmp_path):
    BertConfig(vocab_size=40, max_position_embeddings=16).save_pretrained(tmp_path)
    data = data_for("text/masked_tokens")
    with pytest.raises(ValueError, match=r"knows 40 tokens, and the data have 50; use dataset\.tokenizer="):
        checkpoint_config(str(tmp_path), {**data, "vocab_size": 50})
    with pytest.raises(ValueError, match=r"use dataset\.sequence_length=16"):
        checkpoint_config(str(tmp_path), {**data, "sequence_length": 17})


def test_a_directory_that_is_not_there_is_refused(data_for, tmp_path):
    with pytest.raises(ValueError, match=r"model\.checkpoint=.*/none can't be loaded: there is no such directory"):
        checkpoint_config(str(tmp_path / "none"), data_for("text/classes"))


def test_dropout_is_set_everywhere_but_where_it_is_stated():
    config = AutoConfig.for_model("opt", attention_dropout=0.3)
    set_dropout(config, 0.2, keep={"attention_dropout": 0.3})
    assert (config.dropout, config.attention_dropout, config.layerdrop) == (0.2, 0.3, 0.0)
