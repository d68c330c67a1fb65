"""The library is quiet inside, and as it was outside."""

from __future__ import annotations

from pathlib import Path

import datasets
import pytest

from launcher.data.sources.library import quiet, root_cause, scratch_dir
from launcher.data.sources.text import TextFiles


def test_nothing_is_printed_inside(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text("hello\n")
    with quiet(tmp_path / "scratch"):
        rows = TextFiles(str(tmp_path / "a.txt")).load()["train"].map(lambda row: row)
    assert len(rows) == 1
    assert capfd.readouterr() == ("", "")


def test_local_files_are_read_into_the_scratch_directory(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello\n")
    with quiet(tmp_path / "scratch"):
        rows = TextFiles(str(tmp_path / "a.txt")).load()["train"]
    assert rows.cache_files[0]["filename"].startswith(str(tmp_path / "scratch"))


def test_settings_are_restored_after_an_error(tmp_path: Path) -> None:
    before = (datasets.are_progress_bars_disabled(), datasets.logging.get_verbosity())
    with pytest.raises(KeyError), quiet(tmp_path):
        raise KeyError
    assert (datasets.are_progress_bars_disabled(), datasets.logging.get_verbosity()) == before
    assert scratch_dir.get() is None


def test_the_cause_behind_an_error_is_its_first_line() -> None:
    error = RuntimeError("could not generate")
    error.__cause__ = ValueError("expected 2 fields\nand more")
    assert root_cause(error) == "expected 2 fields"
