"""A source of one's own is a class with `load`, found in one's own module."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from launcher.data.sources.base import Source, fingerprint, open_source
from launcher.errors import RequestError

MODULE = """
class Mine:
    def __init__(self, path=None, number=1):
        if number < 0:
            raise ValueError("number must not be negative")
        self.path = path

    def load(self):
        return [{"x": 1}]

class Fixed(Mine):
    def fingerprint(self):
        return "fixed"

class NoLoad:
    pass
"""


@pytest.fixture
def open_mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Source]]:
    """Open a class of a module that lies in a directory of the user's."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_sources.py").write_text(MODULE)

    def open_it(name: str, **arguments: Any) -> Source:
        importlib.invalidate_caches()
        return open_source({"_target_": f"my_sources.{name}", **arguments})

    yield open_it
    sys.modules.pop("my_sources", None)


def test_a_class_of_ones_own_is_opened(open_mine: Callable[..., Source]) -> None:
    assert open_mine("Mine").load() == [{"x": 1}]


def test_a_class_without_load_is_refused(open_mine: Callable[..., Source]) -> None:
    with pytest.raises(RequestError, match=r"dataset\._target_=my_sources\.NoLoad has no method load"):
        open_mine("NoLoad")


def test_an_error_of_the_constructor_is_a_wrong_request(open_mine: Callable[..., Source]) -> None:
    with pytest.raises(RequestError, match="ValueError: number must not be negative"):
        open_mine("Mine", number=-1)


def test_the_sources_own_fingerprint_counts(open_mine: Callable[..., Source]) -> None:
    assert fingerprint(open_mine("Fixed")) == "fixed"


def test_without_one_the_code_and_the_files_count(open_mine: Callable[..., Source], tmp_path: Path) -> None:
    data = tmp_path / "data.bin"
    data.write_bytes(b"1")
    source = open_mine("Mine", path=str(data))
    first = fingerprint(source)
    data.write_bytes(b"12")
    second = fingerprint(source)
    (tmp_path / "my_sources.py").write_text(MODULE + "# changed\n")
    third = fingerprint(source)
    assert len({first, second, third}) == 3


def test_a_path_that_is_no_path_does_not_disturb(open_mine: Callable[..., Source]) -> None:
    assert fingerprint(open_mine("Mine", path="postgres://table"))
