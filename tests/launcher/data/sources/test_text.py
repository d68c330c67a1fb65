"""Text is read by file, paragraph or line."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.data.sources.text import TextFiles
from launcher.errors import DataError, RequestError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("one\n\ntwo\nthree\n")
    (tmp_path / "b.txt").write_text("four\n")
    (tmp_path / "c.md").write_text("five\n")
    return tmp_path


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("file", ["one\n\ntwo\nthree\n", "four\n"]),
        ("line", ["one", "", "two", "three", "four"]),
        ("paragraph", ["one", "two\nthree\n", "four\n"]),
    ],
)
def test_a_document_is_what_the_config_says(document: str, expected: list[str], folder: Path) -> None:
    assert TextFiles(str(folder), document=document).load()["train"]["text"][:] == expected


def test_a_glob_takes_other_endings(folder: Path) -> None:
    assert TextFiles(f"{folder}/*.md").load()["train"]["text"][:] == ["five\n"]


def test_an_unknown_document_is_refused(folder: Path) -> None:
    with pytest.raises(RequestError, match=r"dataset\.document=word is unknown; use file, paragraph, line"):
        TextFiles(str(folder), document="word")


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(DataError, match=r"a\.txt is empty"):
        TextFiles(str(tmp_path)).load()


def test_a_new_file_changes_the_fingerprint(folder: Path) -> None:
    before = TextFiles(str(folder)).fingerprint()
    (folder / "d.txt").write_text("six")
    assert TextFiles(str(folder)).fingerprint() != before
