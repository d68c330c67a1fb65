"""What a sweep varied."""

from __future__ import annotations

import pytest

from launcher.config.space import Choices, Dimension, Interval
from launcher.dashboard.views.parameters import parameters, value_of
from launcher.sweeps.ledger import Trial


@pytest.mark.parametrize(
    ("typed", "value"),
    [("1e-3", 0.001), ("64", 64), ("gelu", "gelu"), ("true", "true"), ("nan", "nan"), ("inf", "inf"), ("", "")],
)
def test_numbers_are_numbers_and_the_rest_is_text(typed: str, value: object) -> None:
    assert value_of(typed) == value
    assert type(value_of(typed)) is type(value)


@pytest.mark.parametrize(
    ("dimension", "kind"),
    [
        (Interval(0.0, 1.0, whole=False, log=False), "number"),
        (Interval(0.1, 1.0, whole=False, log=True), "log"),
        (Interval(1.0, 1000.0, whole=True, log=False), "log"),
        (Choices(("1e-5", "1e-1")), "log"),
        (Choices(("16", "32")), "number"),
        (Choices(("0", "1000")), "number"),
        (Choices(("gelu", "relu")), "choice"),
        (Choices(("1", "auto")), "choice"),
    ],
)
def test_the_scale_is_that_of_the_space_or_what_the_numbers_need(dimension: Dimension, kind: str) -> None:
    assert parameters({"a": dimension}, [])[0]["kind"] == kind


def test_choices_are_values_in_the_order_of_the_space() -> None:
    assert parameters({"a": Choices(("64", "auto"))}, []) == [{"name": "a", "kind": "choice", "choices": [64, "auto"]}]


def test_keys_are_taken_from_trials_where_the_space_is_unknown() -> None:
    trials = [Trial(number=0, overrides={"lr": "1e-5"}), Trial(number=1, overrides={"lr": "0.1"})]
    assert parameters({}, trials) == [{"name": "lr", "kind": "log", "choices": [1e-5, 0.1]}]
