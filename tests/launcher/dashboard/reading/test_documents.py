"""Files that are replaced as a whole are read whatever somebody has put there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from launcher.dashboard.reading.documents import MAX_BYTES, Documents, load, load_or_nothing
from launcher.runs import Run
from tests.launcher.dashboard.made import make_run


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("&a {x: *a}", "aliases"),
        ("a: &a [1, 1]\nb: [*a, *a]", "aliases"),
        ("[" * 50_000, "deeply"),
        ("- " * 50_000, "deeply"),
        ("a: [", "flow"),
        ("a: 1" + "0" * 5000, "digits"),
    ],
)
def test_yaml_that_no_run_writes_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "config.yaml")
    assert load_or_nothing(tmp_path / "config.yaml") == {}


def test_json_that_is_too_deep_to_be_shown_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"a": ' + "[" * 900 + "]" * 900 + "}")
    with pytest.raises(ValueError, match="deeply"):
        load(tmp_path / "plan.json")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "config.yaml").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ValueError, match="larger"):
        load(tmp_path / "config.yaml")
    assert MAX_BYTES < 1 << 30


def test_what_leads_out_of_the_run_or_never_ends_is_not_there(tmp_path: Path) -> None:
    path = make_run(tmp_path / "runs", "r", wandb=False)
    (tmp_path / "secret.yaml").write_text("secret: 1\n")
    for name in ("config.yaml", "summary.json"):
        (path / name).unlink()
    (path / "config.yaml").symlink_to(tmp_path / "secret.yaml")
    os.mkfifo(path / "summary.json")
    documents = Documents(Run(path))
    assert documents.read()
    assert (documents.config, documents.summary, documents.problems) == ({}, {}, [])


def test_what_is_wrong_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    path = make_run(tmp_path, "r", wandb=False)
    (path / "config.yaml").write_text("a: [\n")
    documents = Documents(Run(path))
    documents.read()
    assert documents.job["model"]
    assert [line.partition(":")[0] for line in documents.problems] == ["config.yaml"]
