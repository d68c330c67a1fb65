"""The manifest survives its file, and a damaged file is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from launcher.data.manifest import ColumnSpec, Manifest
from launcher.errors import DataError


@pytest.fixture
def manifest() -> Manifest:
    return Manifest(
        path="/somewhere",
        data={"kind": "text", "num_rows": {"train": 3}},
        columns={"tokens": ColumnSpec(dtype="uint8", shape=(17,)), "length": ColumnSpec(dtype="int32", shape=())},
        fitted={"kind": "text"},
        sha256="00",
        notes=["dropped 1 row: ä"],
        floors={"gzip": 1.9},
    )


def test_what_is_saved_is_loaded(manifest: Manifest, tmp_path: Path) -> None:
    manifest.save(tmp_path / "manifest.json")
    assert Manifest.load(tmp_path / "manifest.json") == manifest


def test_other_keys_in_the_file_are_ignored(manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(json.dumps({**manifest.to_dict(), "plan": {"device": "cpu"}}))
    assert Manifest.load(tmp_path / "data.json") == manifest


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"columns": {"x": 1}}'])
def test_a_damaged_file_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(DataError, match=r"manifest\.json does not describe prepared data"):
        Manifest.load(tmp_path / "manifest.json")
