"""Limits on arguments, and what is said where one is passed."""

import pytest

from models.checks import at_least, divisible, fraction, needed, one_of


@pytest.mark.parametrize("value", [0, -1, 2.0, "4", None, True])
def test_a_size_is_a_whole_number_of_at_least_the_minimum(value):
    with pytest.raises(
        ValueError, match=rf"^model\.width={value} is not a whole number of at least 1; use model\.width="
    ):
        at_least(1, width=value)


@pytest.mark.parametrize("value", [-0.1, 1.0, 2, "0.1", None])
def test_a_fraction_is_below_one(value):
    with pytest.raises(ValueError, match=rf"^model\.dropout={value} is not .* use model\.dropout=0\.1"):
        fraction(dropout=value)


def test_an_option_that_does_not_exist_is_answered_with_the_nearest_first():
    with pytest.raises(ValueError, match=r"^model\.size=smal is not one of large, small; use model\.size=small"):
        one_of(("large", "small"), size="smal")


def test_a_size_that_is_not_divisible_is_answered_with_two_that_fit():
    message = r"^model\.width=130 is not divisible by model\.num_heads=4; use model\.num_heads=2 or model\.width=132$"
    with pytest.raises(ValueError, match=message):
        divisible(("width", 130), by=("num_heads", 4))


def test_labels_that_need_outputs_say_so():
    with pytest.raises(ValueError, match=r"^model\.num_outputs=null, but model\.labels=classes needs a number"):
        needed(labels="classes", num_outputs=None)


def test_what_is_allowed_passes():
    at_least(1, width=1, depth=7)
    fraction(dropout=0, other=0.99)
    one_of(("a",), letter="a")
    divisible(("width", 128), by=("num_heads", 4))
    assert needed(labels="values", num_outputs=2) == 2
