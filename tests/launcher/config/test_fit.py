import pytest

from launcher.config.fit import data_names
from launcher.config.groups import CONF_DIR, Groups
from launcher.config.validate import to_config
from launcher.errors import RequestError

TEXT = Groups(choices={"model": "gpt_tiny", "dataset": "python_stdlib", "task": "language_modeling"})
TABLE = Groups(choices={"model": "mlp", "dataset": "iris", "task": "classification"})


def refused(cfg, groups):
    with pytest.raises(RequestError) as caught:
        to_config(cfg, groups=groups)
    return str(caught.value)


def test_rows_of_a_table_have_no_next_tokens(composed):
    message = refused(composed("table", task___labels_="next_tokens"), TABLE)
    assert "dataset=iris holds no text but table rows" in message
    assert "task=classification or task=regression" in message


def test_a_model_that_does_not_fit_is_answered_with_those_that_do(composed):
    message = refused(composed("table", model___fits_=["text/next_tokens"]), TABLE)
    assert "model=mlp takes text/next_tokens, but dataset=iris with task=classification is table/classes" in message
    assert "model=linear" in message
    assert "dataset=python_stdlib" in message
    assert "model=cnn" not in message
    assert "dataset=digits" not in message


def test_a_task_that_would_fit_is_offered(composed):
    assert "another task (task=language_modeling)" in refused(composed(task___labels_="classes"), TEXT)


def test_options_of_the_users_own_are_offered(composed, groups):
    root = groups(model__mine="_target_: mine.Model\n_fits_: [table/classes]\n")
    message = refused(
        composed("table", model___fits_=["text/next_tokens"]),
        Groups(roots=(CONF_DIR, root), choices=TABLE.choices),
    )
    assert "model=mine" in message


def test_a_model_without_fits_is_not_checked(composed):
    to_config(composed("table", model___fits_=None), groups=TABLE)


@pytest.mark.parametrize("fits", ["text/next_tokens", ["text/next"], ["txt/classes"]])
def test_fits_must_be_kinds_and_labels(composed, fits):
    assert "model._fits_=" in refused(composed(model___fits_=fits), TEXT)


def test_labels_must_be_known(composed):
    assert "task._labels_=tokens must be next_tokens" in refused(composed(task___labels_="tokens"), TEXT)


@pytest.mark.parametrize(
    ("value", "hint"),
    [("${data.vocab_sise}", "did you mean ${data.vocab_size}?"), ("${data.num_channels}", "they have kind, labels")],
)
def test_a_size_that_the_data_do_not_have_is_refused(composed, value, hint):
    message = refused(composed(model__vocab_size=value), TEXT)
    assert f"model.vocab_size={value}" in message
    assert hint in message


def test_a_size_of_the_data_cannot_set_what_prepares_them(composed):
    message = refused(composed(dataset__sequence_length="${data.sequence_length}"), TEXT)
    assert "dataset is read before; type dataset.sequence_length=VALUE" in message


@pytest.mark.parametrize(
    ("kind", "labels", "names"),
    [
        ("text", "next_tokens", {"vocab_size", "sequence_length"}),
        ("table", "values", {"num_features", "num_outputs"}),
        ("image", "classes", {"num_channels", "image_size", "num_outputs", "class_names"}),
    ],
)
def test_data_have_the_sizes_of_their_kind_and_labels(kind, labels, names):
    assert names <= set(data_names(kind, labels))
