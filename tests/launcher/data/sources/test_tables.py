"""Tables are read as they stand in the files, and the line at fault is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from launcher.data.sources.tables import Csv, Jsonl, Parquet
from launcher.errors import DataError


def write(file: Path, content: str) -> str:
    file.write_text(content, encoding="utf-8")
    return str(file)


def rows_of(source: Csv | Jsonl | Parquet, split: str = "train") -> list[dict[str, Any]]:
    return source.load()[split].to_list()


def test_types_of_a_csv_are_inferred_and_empty_cells_are_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "n,t,ok\n1,x,True\n,,False\n")
    assert rows_of(Csv(path)) == [{"n": 1.0, "t": "x", "ok": True}, {"n": None, "t": None, "ok": False}]


def test_a_fraction_in_the_last_row_makes_a_column_of_floats(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "n\n" + "1\n" * 20_000 + "1.5\n")
    assert rows_of(Csv(path))[-1] == {"n": 1.5}


def test_another_separator_can_be_chosen(tmp_path: Path) -> None:
    assert rows_of(Csv(write(tmp_path / "a.csv", "a;b\n1;2\n"), separator=";")) == [{"a": 1, "b": 2}]


def test_a_name_with_brackets_is_no_pattern(tmp_path: Path) -> None:
    assert rows_of(Csv(write(tmp_path / "a[1].csv", "a\n1\n"))) == [{"a": 1}]


def test_files_of_a_directory_are_one_table(tmp_path: Path) -> None:
    write(tmp_path / "1.jsonl", '{"a": 1}\n')
    write(tmp_path / "2.jsonl", '{"a": 2}\n')
    assert rows_of(Jsonl(str(tmp_path))) == [{"a": 1}, {"a": 2}]


def test_a_mapping_gives_splits(tmp_path: Path) -> None:
    paths = {
        split: write(tmp_path / f"{split}.csv", f"a\n{number}\n") for number, split in enumerate(("train", "test"))
    }
    assert rows_of(Csv(paths), "test") == [{"a": 1}]


def test_an_absent_key_is_a_missing_value(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"a": 1, "b": "x"}\n{"a": 2}\n')
    assert rows_of(Jsonl(path))[1] == {"a": 2, "b": None}


def test_parquet_is_read(tmp_path: Path) -> None:
    Dataset.from_dict({"a": [1, 2]}).to_parquet(str(tmp_path / "a.parquet"))
    assert rows_of(Parquet(str(tmp_path))) == [{"a": 1}, {"a": 2}]


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"a": 1}\n')
    before, first = Jsonl(path).fingerprint(), rows_of(Jsonl(path))
    write(tmp_path / "a.jsonl", '{"a": 22}\n')
    assert Jsonl(path).fingerprint() != before
    assert rows_of(Jsonl(path)) != first


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1}\n{"a": 2\n{"a": 3}\n', r"rows\.jsonl, line 2: not valid JSON"),
        ("[1, 2]\n[3, 4]\n", r"rows\.jsonl, line 1: not a JSON object"),
        ('{"a": 1}\nnonsense\n', r"rows\.jsonl, line 2: not valid JSON"),
    ],
)
def test_the_line_that_is_no_json_is_named(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        Jsonl(write(tmp_path / "rows.jsonl", content)).load()


def test_a_row_of_a_csv_with_too_many_cells_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.csv, line 3: 3 cells for 2 columns; mend it, .*undecodable=skip"):
        Csv(write(tmp_path / "a.csv", "a,b\n1,2\n1,2,3\n")).load()


@pytest.mark.parametrize("content", ["a,b\n", "\n\n"])
def test_a_csv_without_rows_is_refused(content: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.csv"):
        Csv(write(tmp_path / "a.csv", content)).load()


def test_what_is_no_parquet_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.parquet: not valid Parquet: .*; mend it"):
        Parquet(write(tmp_path / "a.parquet", json.dumps({"a": 1}))).load()


def test_text_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("a\né\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"a\.csv is not UTF-8: byte 0xe9 at offset 2"):
        Csv(str(tmp_path / "a.csv")).load()


def test_of_several_files_the_one_at_fault_is_named(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{number}.csv", "a,b\n1,2\n" + "1,2,3\n" * (number == 1)) for number in range(3)]
    with pytest.raises(DataError, match=r"1\.csv, line 3: 3 cells for 2 columns"):
        Csv(paths).load()


def test_a_csv_whose_first_row_is_longer_than_its_header_is_refused_rather_than_shifted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.csv, line 2: 3 cells for 2 columns"):
        Csv(write(tmp_path / "a.csv", "a,b\n1,2,3\n1,2\n")).load()


def test_a_quote_that_is_never_closed_is_named_by_the_line_where_it_opens(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.csv, line 3: a quote that is never closed"):
        Csv(write(tmp_path / "a.csv", 'a,b\n1,2\n1,"x\n4,5\n')).load()


def test_what_the_reader_refuses_without_a_fault_of_a_line_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.jsonl can't be read as json"):
        Jsonl(write(tmp_path / "a.jsonl", f'{{"a": {"[" * 300}{"]" * 300}}}\n')).load()
