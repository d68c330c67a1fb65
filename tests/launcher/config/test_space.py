"""What a sweep varies, out of Hydra's grammar."""

from __future__ import annotations

import math

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from launcher.config.space import Choices, Dimension, Interval, Space, split_overrides
from launcher.errors import RequestError


def split(*lines: str, seed: int = 0) -> tuple[list[str], Space]:
    return split_overrides(lines, OverridesParser.create(), seed=seed)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a=1,2", Choices(("1", "2"))),
        ("a=choice(x,[1,2],{b:c})", Choices(("x", "[1,2]", "{b:c}"))),
        ("a='1,2',3", Choices(("'1,2'", "3"))),
        ("a=range(1,8,3)", Choices(("1", "4", "7"))),
        ("a=2,2,1", Choices(("2", "1"))),
        ("a=interval(1,8)", Interval(1.0, 8.0, whole=False, log=False)),
        ("a=int(interval(1,8))", Interval(1, 8, whole=True, log=False)),
        ("a=tag(log,interval(1e-5,1e-1))", Interval(1e-5, 1e-1, whole=False, log=True)),
        ("a=tag(log,int(interval(1,512)))", Interval(1, 512, whole=True, log=True)),
    ],
)
def test_every_form_of_the_grammar_is_a_dimension(line: str, expected: Dimension) -> None:
    assert split(line)[1].dimensions == {"a": expected}


def test_what_has_one_value_is_fixed_and_keys_keep_their_signs() -> None:
    fixed, space = split("model=mlp", "+a.b=1,2", "~c", "d='x,y'")
    assert fixed == ["model=mlp", "~c", "d='x,y'"]
    assert list(space.dimensions) == ["+a.b"]


def test_combinations_come_in_the_order_of_hydras_own_sweeper() -> None:
    _, space = split("a=1,2", "b=x,y,z")
    pairs = [tuple(each.values()) for each in space.combinations()]
    assert pairs == [("1", "x"), ("1", "y"), ("1", "z"), ("2", "x"), ("2", "y"), ("2", "z")]
    assert space.size == 6
    assert split("a=1,2", "b=interval(0,1)")[1].size == math.inf


def test_shuffled_values_depend_on_the_seed_alone() -> None:
    orders = [split("a=shuffle(range(20))", seed=seed)[1].dimensions["a"] for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert isinstance(orders[0], Choices)
    assert sorted(orders[0].values, key=int) == [str(number) for number in range(20)]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["a=range(3,1)"], r"a=range\(3,1\): there is nothing to choose from"),
        (["a=interval(2,1)"], "an interval begins below its end"),
        (["a=tag(log,interval(0,1))"], "begins above 0 and below its end"),
        (["a=1,2", "a=3,4"], "a=3,4: a is swept twice"),
        (["a=range(4),9"], r"a=range\(4\),9: no range, interval or choice stands among other values"),
    ],
)
def test_a_space_with_nothing_in_it_is_refused(lines: list[str], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        split(*lines)


def test_a_space_is_kept_in_json_and_compared_in_words() -> None:
    _, space = split("a=1,2", "b=tag(log,interval(1e-5,1e-1))", "c=int(interval(1,8))")
    assert Space.from_plain(space.to_plain()) == space
    assert space.difference(space) == []
    _, other = split("a=1,2,3", "c=int(interval(1,8))", "d=x,y")
    assert space.difference(other) == [
        "a: 1 and 2 became 1, 2 and 3",
        "b: tag(log, interval(1e-05, 0.1)) became nothing",
        "d: nothing became x and y",
    ]
