from dataclasses import dataclass
from typing import Any

import pytest

from launcher.config.schema import limited
from launcher.config.typed import typed
from launcher.errors import RequestError


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    flag: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    steps: int | None = limited(least=1)
    rate: float = limited(above=0, most=2)
    mode: str = limited(choices=("fast", "slow"))
    name: str
    tags: list[str]
    inner: Inner
    anything: Any


VALID = {
    "steps": 3,
    "rate": 1.0,
    "mode": "fast",
    "name": "n",
    "tags": ["a"],
    "inner": {"flag": True},
    "anything": {"x": 1},
}


def section(**changes):
    return typed(Section, VALID | changes, path="section")


def test_values_become_a_dataclass_with_its_sections():
    result = section()
    assert result.inner == Inner(flag=True)
    assert result.anything == {"x": 1}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"steps": None}, None),
        ({"steps": 1e3}, 1000),
        ({"rate": 1}, 1.0),
        ({"name": 7}, "7"),
        ({"tags": ["a", 1]}, ["a", "1"]),
        ({"tags": []}, []),
    ],
)
def test_a_value_that_means_the_same_is_taken(changes, expected):
    (key,) = changes
    assert getattr(section(**changes), key) == expected


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": "abc"}, ["section.steps=abc", "a whole number at least 1 or null", "section.steps=1"]),
        ({"steps": True}, ["section.steps=true", "a whole number"]),
        ({"steps": 1.5}, ["section.steps=1.5"]),
        ({"steps": 0}, ["section.steps=0", "at least 1"]),
        ({"rate": 0}, ["section.rate=0", "above 0 and at most 2"]),
        ({"rate": 2.5}, ["section.rate=2.5", "at most 2"]),
        ({"rate": float("nan")}, ["section.rate=nan"]),
        ({"rate": None}, ["section.rate=null"]),
        ({"rate": "1"}, ["section.rate=1 must be a number"]),
        ({"mode": "fat"}, ["section.mode=fat", "fast or slow", "did you mean section.mode=fast"]),
        ({"name": None}, ["section.name=null must be text"]),
        ({"name": True}, ["section.name=true must be text"]),
        ({"tags": "a"}, ["section.tags=a", "section.tags=[NAME]"]),
        ({"tags": ["a", None]}, ["section.tags=[a, null]"]),
        ({"inner": 3}, ["section.inner=3", "section.inner.flag"]),
        ({"inner": {"flag": 1}}, ["section.inner.flag=1", "true or false"]),
        ({"inner": {"flg": True}}, ["section.inner.flg", "did you mean section.inner.flag=true"]),
        ({"stepz": 3}, ["section.stepz", "did you mean section.steps=3"]),
        ({"zzz": 3}, ["section.zzz", "there are anything, inner, mode"]),
    ],
)
def test_an_error_names_the_key_the_value_and_what_is_allowed(changes, words):
    with pytest.raises(RequestError) as caught:
        section(**changes)
    assert [word for word in words if word not in str(caught.value)] == []


def test_a_missing_key_is_named_with_what_it_holds():
    with pytest.raises(RequestError, match=r"section.rate is missing .*a number above 0.*drop ~section.rate"):
        typed(Section, {key: value for key, value in VALID.items() if key != "rate"}, path="section")
