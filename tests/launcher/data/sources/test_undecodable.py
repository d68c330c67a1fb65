"""Samples that can't be decoded are left out and counted, and nothing else is lost with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from launcher.data.sources.tables import Csv, Jsonl, Parquet
from launcher.data.sources.text import TextFiles
from launcher.data.sources.undecodable import skipping, undecodable
from launcher.errors import DataError

LATIN = "é".encode("latin-1")
DEEP = b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}\n"


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., str]:
    """A file with this content."""

    def write(name: str, content: bytes) -> str:
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)

    return write


def skipped(source: Any, tmp_path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows that are left, and the notes."""
    with undecodable("skip", tmp_path / "left") as skips:
        return source.load()["train"].to_list(), skips.notes()


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'{"a": 2', "not valid JSON: Expecting ',' delimiter at column 8"),
        (b"\x00\x00\x00", "not valid JSON: Expecting value at column 1"),
        (b"[1, 2]", r"not a JSON object: [1, 2]"),
        (b'{"a": "' + LATIN + b'"}', "not UTF-8: byte 0xe9"),
        (b'{"a": 2, "a": 3}', "the key 'a' stands twice in one object"),
        (b'{"b": "\\ud800"}', "half of a surrogate pair"),
    ],
)
def test_lines_of_json_that_are_broken_are_left_out(
    bad: bytes, reason: str, file: Callable[..., str], tmp_path: Path
) -> None:
    path = file("a.jsonl", b'{"a": 1}\n' + bad + b'\n{"a": 3}\n' + bad)
    rows, notes = skipped(Jsonl(path), tmp_path)
    assert [row["a"] for row in rows] == [1, 3]
    assert notes == [f"dropped 2 sample(s) that can't be decoded, the first is {path}, line 2: {reason}"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"1,2,3\n", "3 cells for 2 columns"),
        (b"1," + LATIN + b"\n", "not UTF-8: byte 0xe9"),
        (b'1,"two\n' + LATIN + b'lines"\n', "not UTF-8: byte 0xe9"),
    ],
)
def test_rows_of_a_csv_that_are_broken_are_left_out(
    bad: bytes, reason: str, file: Callable[..., str], tmp_path: Path
) -> None:
    path = file("a.csv", b'a,b\n1,"x\n""y"""\n' + bad + b"5,z\n")
    rows, notes = skipped(Csv(path), tmp_path)
    assert rows == [{"a": 1, "b": 'x\n"y"'}, {"a": 5, "b": "z"}]
    assert notes == [f"dropped 1 sample(s) that can't be decoded, the first is {path}, line 4: {reason}"]


def test_a_csv_that_was_cut_off_inside_quotes_keeps_the_rows_before(file: Callable[..., str], tmp_path: Path) -> None:
    path = file("a.csv", b'a,b\n1,x"y\n2,"cut of')
    rows, notes = skipped(Csv(path), tmp_path)
    assert rows == [{"a": 1, "b": 'x"y'}]
    assert notes[0].endswith("line 3: a quote that is never closed")


@pytest.mark.filterwarnings("ignore:Falling back to the 'python' engine")
def test_rows_between_patterns_are_left_out_where_they_are_not_utf8(file: Callable[..., str], tmp_path: Path) -> None:
    rows, notes = skipped(Csv(file("a.csv", b"a::b\n1::2\n3::" + LATIN + b"\n"), separator="::"), tmp_path)
    assert rows == [{"a": 1, "b": 2}]
    assert notes[0].endswith("line 3: not UTF-8: byte 0xe9")


def test_a_csv_whose_header_is_broken_is_refused_all_the_same(file: Callable[..., str], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.csv, line 1: the header can't be decoded: not UTF-8"):
        skipped(Csv(file("a.csv", b"a," + LATIN + b"\n1,2\n")), tmp_path)


@pytest.mark.parametrize(
    ("document", "left"),
    [
        ("file", ["fine\n"]),
        ("paragraph", ["one", "three", "fine\n"]),
        ("line", ["one", "", "", "three", "fine"]),
    ],
)
def test_documents_that_are_not_utf8_are_left_out(
    document: str, left: list[str], file: Callable[..., str], tmp_path: Path
) -> None:
    file("a.txt", b"one\n\ntw" + LATIN + b"\n\nthree")
    file("b.txt", b"fine\n")
    rows, notes = skipped(TextFiles(str(tmp_path), document=document), tmp_path)
    assert [row["text"] for row in rows] == left
    assert len(notes) == 1


def test_a_damaged_parquet_file_is_left_out_as_a_whole(file: Callable[..., str], tmp_path: Path) -> None:
    Dataset.from_dict({"a": [1, 2]}).to_parquet(str(tmp_path / "a.parquet"))
    cut = file("b.parquet", (tmp_path / "a.parquet").read_bytes()[:-20])
    rows, notes = skipped(Parquet(str(tmp_path)), tmp_path)
    assert rows == [{"a": 1}, {"a": 2}]
    assert notes[0].startswith(f"dropped 1 sample(s) that can't be decoded, the first is {cut}: not valid Parquet: ")


def test_an_empty_file_is_left_out(file: Callable[..., str], tmp_path: Path) -> None:
    file("a.jsonl", b"")
    file("b.jsonl", b'{"a": 1}\n')
    rows, notes = skipped(Jsonl(str(tmp_path)), tmp_path)
    assert rows == [{"a": 1}]
    assert notes[0].endswith("a.jsonl: it is empty")


def test_a_split_of_which_nothing_is_left_is_refused(file: Callable[..., str], tmp_path: Path) -> None:
    paths = {"train": file("a.jsonl", b'{"a": 1}\n'), "test": file("b.jsonl", b"nonsense\n")}
    with pytest.raises(DataError, match=r"no sample of the split test can be decoded, the first is .*b\.jsonl, line 1"):
        skipped(Jsonl(paths), tmp_path)


def test_a_file_that_is_not_there_is_no_sample(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not there"):
        skipped(Jsonl(str(tmp_path / "none.jsonl")), tmp_path)


def test_a_json_array_over_several_lines_loses_nothing(file: Callable[..., str], tmp_path: Path) -> None:
    rows, notes = skipped(Jsonl(file("a.json", b'[{"a": 1},\n {"a": 2}]')), tmp_path)
    assert (rows, notes) == ([{"a": 1}, {"a": 2}], [])


def test_what_the_reader_refuses_without_a_fault_of_a_sample_is_refused(
    file: Callable[..., str], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"a\.jsonl can't be read as json"):
        skipped(Jsonl(file("a.jsonl", DEEP)), tmp_path)


def test_files_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "a.jsonl").write_text(f'{{"a": {number}}}\nnonsense\n')
    rows, _ = skipped(Jsonl(f"{tmp_path}/*/a.jsonl"), tmp_path)
    assert rows == [{"a": 1}, {"a": 2}]


def test_the_policy_ends_with_its_block(tmp_path: Path) -> None:
    with undecodable("skip", tmp_path) as skips:
        assert skipping() is skips
    assert skipping() is None
