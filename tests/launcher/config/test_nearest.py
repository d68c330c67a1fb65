import pytest

from launcher.config.nearest import did_you_mean, listed, nearest, shown


@pytest.mark.parametrize(
    ("word", "expected"), [("trian", "train"), ("runs", "runs"), ("chek", "check"), ("frobnicate", None)]
)
def test_the_nearest_word_is_one_that_looks_alike_or_none(word, expected):
    assert nearest(word, ["train", "check", "runs"]) == expected


def test_a_hint_is_empty_where_nothing_is_near():
    assert did_you_mean("trian", ["train"]) == " (did you mean train?)"
    assert did_you_mean("xyz", ["train"]) == ""


@pytest.mark.parametrize(
    ("words", "expected"), [([], "nothing"), (["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")]
)
def test_words_are_listed_as_a_sentence_does(words, expected):
    assert listed(words) == expected


def test_a_value_is_shown_as_an_override_is_typed():
    assert shown({"a": [None, True, 1.5, "x"]}) == "{a: [null, true, 1.5, x]}"
