import pytest
from omegaconf import OmegaConf

from launcher.config.compose import from_file, to_plain, to_yaml
from launcher.config.schema import Config
from launcher.config.validate import from_composed, resolve, to_config
from launcher.errors import RequestError

TEXT_DATA = {
    "kind": "text",
    "labels": "next_tokens",
    "num_rows": {"train": 9, "validation": 1, "test": 0},
    "vocab_size": 257,
    "sequence_length": 256,
    "bytes_per_token": 1.0,
}
TABLE_DATA = {
    "kind": "table",
    "labels": "classes",
    "num_rows": {"train": 9, "validation": 1, "test": 0},
    "num_features": 4,
    "num_outputs": 3,
    "class_names": ["a", "${b}", "${unbalanced"],
}


def refused(cfg):
    with pytest.raises(RequestError) as caught:
        to_config(cfg)
    return str(caught.value)


def test_the_typed_config_keeps_what_the_data_will_fill_in(composed):
    config = to_config(composed())
    assert isinstance(config, Config)
    assert config.model["vocab_size"] == "${data.vocab_size}"


def test_keys_of_a_dataset_that_the_schema_does_not_know_are_its_sources(composed):
    dataset = to_config(composed("table")).dataset
    assert dataset.source == {"_target_": "launcher.data.sources.scikit_learn.ScikitLearn", "name": "iris"}
    assert dataset.kind == "table"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"foo": 1}, ["no section or group foo", "checkpoint, dataset, debug, engine, experiment"]),
        ({"modle": {}}, ["did you mean model="]),
        ({"dataset__max_rosw": 3}, ["did you mean dataset.max_rows=3"]),
        ({"dataset__validation_evry": 3}, ["did you mean dataset.validation_every=3"]),
        ({"dataset__clean__missng": "drop"}, ["did you mean dataset.clean.missing=drop"]),
        ({"trainer": 3}, ["trainer=3: trainer is a section"]),
        ({"model": [1]}, ["model=[1] must be a section"]),
        ({"model__widht": 3}, ["did you mean model.width=3"]),
        ({"dataset__validation_every": "???"}, ["type dataset.validation_every=VALUE"]),
        ({"run_id": "${nope}"}, ["run_id=${nope}", "no key nope"]),
    ],
)
def test_a_wrong_key_is_refused_with_the_nearest(composed, changes, words):
    message = refused(composed(**changes))
    assert [word for word in words if word not in message] == []


def test_every_missing_value_is_named_with_what_to_type(composed):
    cfg = composed(dataset__validation_every="???", dataset__split__column="???")
    assert "type dataset.split.column=COLUMN dataset.validation_every=VALUE" in refused(cfg)


def test_resolving_fills_in_the_data_and_leaves_the_config_as_it_was(composed):
    cfg = composed()
    resolved = resolve(cfg, TEXT_DATA)
    assert resolved.model.vocab_size == 257
    assert "data" not in cfg
    assert OmegaConf.to_container(cfg, resolve=False)["model"]["vocab_size"] == "${data.vocab_size}"


def test_resolving_refuses_a_size_that_the_data_do_not_have(composed):
    with pytest.raises(RequestError, match=r"model.vocab_size asks for \$\{data.num_words\}.*they have kind, labels"):
        resolve(composed(model__vocab_size="${data.num_words}"), TEXT_DATA)


def test_workers_read_the_same_typed_config_from_the_file(composed, tmp_path):
    resolved = resolve(composed("table"), TABLE_DATA)
    (tmp_path / "config.yaml").write_text(to_yaml(resolved))
    config = from_file(tmp_path / "config.yaml")
    assert config == from_composed(resolved)
    assert config.model["num_outputs"] == 3


def test_names_of_classes_are_text_whatever_they_look_like(composed, tmp_path):
    (tmp_path / "config.yaml").write_text(to_yaml(resolve(composed("table"), TABLE_DATA)))
    assert to_plain(tmp_path / "config.yaml")["data"]["class_names"] == ["a", "$ {b}", "$ {unbalanced"]


def test_a_part_of_a_config_has_a_yaml_text(composed):
    config = to_config(composed("table"))
    assert OmegaConf.create(to_yaml({"model": config.model})).model._target_ == "models.mlp.MLP"
