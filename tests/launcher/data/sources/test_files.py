"""Files are found by file, directory, glob or list, and an error says which one is wrong and where."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from launcher.data.sources import files
from launcher.data.sources.files import check_files, find_files, find_splits, fingerprint_files
from launcher.errors import DataError

CSV = (".csv",)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.csv", "a.csv", "notes.md", ".hidden.csv", "deep/c.CSV", "x[1].csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a\n1\n")
    return tmp_path


def names(found: list[Path]) -> list[str]:
    return [path.name for path in found]


def test_a_directory_gives_its_files_of_that_kind(folder: Path) -> None:
    assert names(find_files(str(folder), suffixes=CSV)) == ["a.csv", "b.csv", "c.CSV", "x[1].csv"]


def test_a_glob_gives_whatever_matches(folder: Path) -> None:
    assert names(find_files(f"{folder}/*.md", suffixes=CSV)) == ["notes.md"]
    assert names(find_files(f"{folder}/**/c*", suffixes=CSV)) == ["c.CSV"]


def test_a_name_that_looks_like_a_glob_is_a_file_first(folder: Path) -> None:
    assert names(find_files(str(folder / "x[1].csv"), suffixes=CSV)) == ["x[1].csv"]


def test_a_list_keeps_its_order(folder: Path) -> None:
    assert names(find_files([str(folder / "b.csv"), f"{folder}/a*"], suffixes=CSV)) == ["b.csv", "a.csv"]


def test_a_mapping_gives_splits(folder: Path) -> None:
    splits = find_splits({"train": f"{folder}/a.csv", "test": f"{folder}/b.csv", "validation": None}, suffixes=CSV)
    assert {split: names(found) for split, found in splits.items()} == {"train": ["a.csv"], "test": ["b.csv"]}


def test_a_home_directory_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert names(find_files("~/a.csv", suffixes=CSV)) == ["a.csv"]


def test_what_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r"dataset\.path=.*none\.csv is not there"):
        find_files(str(folder / "none.csv"), suffixes=CSV)


def test_a_directory_without_such_files_tells_what_it_holds(folder: Path) -> None:
    with pytest.raises(
        DataError, match=r"holds no \.parquet files, but .*\.csv.* and \.md; name the files with a glob"
    ):
        find_files(str(folder), suffixes=(".parquet",))


@pytest.mark.parametrize("path", [3, None, True])
def test_what_is_no_path_is_refused(path: object) -> None:
    with pytest.raises(DataError, match="is not a path"):
        find_files(path, suffixes=CSV)


def test_a_fingerprint_changes_with_the_file(folder: Path) -> None:
    before = fingerprint_files([folder / "a.csv"])
    assert fingerprint_files([folder / "a.csv"]) == before
    (folder / "a.csv").write_text("a\n12\n")
    assert fingerprint_files([folder / "a.csv"]) != before


def test_a_fingerprint_changes_with_the_time_alone(folder: Path) -> None:
    before = fingerprint_files([folder / "a.csv"])
    os.utime(folder / "a.csv", ns=(0, 0))
    assert fingerprint_files([folder / "a.csv"]) != before


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DataError, match=r"empty\.csv is empty"):
        check_files([tmp_path / "empty.csv"], text=True)


@pytest.mark.parametrize("chunk", [1, 2, 3, 1000])
@pytest.mark.parametrize(("content", "offset", "line"), [("aé", 3, 1), ("数据x", 7, 1), ("", 0, 1), ("a\n数\nb", 7, 3)])
def test_the_first_byte_that_is_not_utf8_is_named(
    chunk: int, content: str, offset: int, line: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CHUNK_BYTES", chunk)
    (tmp_path / "latin.csv").write_bytes(content.encode() + "é,".encode("latin-1") + b"more")
    with pytest.raises(DataError, match=rf"latin\.csv is not UTF-8: byte 0xe9 at offset {offset}, in line {line};"):
        check_files([tmp_path / "latin.csv"], text=True)


def test_a_character_cut_off_at_the_end_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "cut.txt").write_bytes("abc数".encode()[:-1])
    with pytest.raises(DataError, match="at offset 3"):
        check_files([tmp_path / "cut.txt"], text=True)


def test_text_in_utf8_is_fine(tmp_path: Path) -> None:
    (tmp_path / "fine.txt").write_text("naïve 数据 🙂" * 10, encoding="utf-8")
    check_files([tmp_path / "fine.txt"], text=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a")
    (tmp_path / "secret.csv").chmod(0)
    with pytest.raises(DataError, match=r"secret\.csv can't be read: Permission denied"):
        check_files([tmp_path / "secret.csv"], text=True)


def test_what_can_not_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="can't be read: Is a directory"):
        check_files([tmp_path], text=True)
