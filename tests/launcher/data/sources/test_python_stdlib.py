"""The default data set is the same on every machine with the same Python."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from launcher.data.sources.python_stdlib import EXCLUDED, PythonStdlib
from launcher.errors import DataError


def test_one_file_in_so_many_validates_by_the_hash_of_its_path() -> None:
    splits = PythonStdlib(validation_every=32).load()
    chosen = [int(hashlib.sha1(path.encode()).hexdigest(), 16) % 32 == 0 for path in splits["validation"]["path"]]
    assert all(chosen)
    assert not set(splits["validation"]["path"]) & set(splits["train"]["path"])
    assert 0.01 < len(splits["validation"]) / len(splits["train"]) < 0.1


def test_the_text_is_all_of_the_standard_library_and_nothing_else() -> None:
    splits = PythonStdlib(validation_every=32).load()
    paths = [path for rows in splits.values() for path in rows["path"]]
    assert {"os.py", "json/decoder.py"} <= set(paths)
    assert not any(EXCLUDED & set(Path(path).parts) for path in paths)
    assert 8e6 < sum(len(text) for rows in splits.values() for text in rows["text"]) < 13e6


def test_a_document_is_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "package" / "test").mkdir(parents=True)
    (tmp_path / "package" / "a.py").write_text("x = 'ä'\n", encoding="utf-8")
    (tmp_path / "package" / "test" / "b.py").write_text("no")
    (tmp_path / "c.txt").write_text("no")
    source = PythonStdlib(validation_every=10**9)
    source.root = tmp_path
    assert source.load()["train"].to_list() == [{"path": "package/a.py", "text": "x = 'ä'\n"}]


def test_a_changed_file_changes_the_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    source = PythonStdlib(validation_every=32)
    source.root = tmp_path
    before = source.fingerprint()
    (tmp_path / "a.py").write_text("x = 10\n")
    assert source.fingerprint() != before


def test_an_installation_without_sources_is_refused(tmp_path: Path) -> None:
    source = PythonStdlib(validation_every=32)
    source.root = tmp_path
    with pytest.raises(DataError, match="the standard library's source is not at"):
        source.load()
