"""The hash over written rows depends on the rows."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from launcher.data.manifest import ColumnSpec
from launcher.data.shards import ShardWriter


def digest_of(directory: Path, values: list[int], *, batch: int) -> str:
    digest = hashlib.sha256()
    writer = ShardWriter(directory, {"labels": ColumnSpec(dtype="int64", shape=())}, digest=digest)
    for start in range(0, len(values), batch):
        writer.append({"labels": np.array(values[start : start + batch])})
    writer.close()
    return digest.hexdigest()


def test_the_hash_depends_on_rows_and_not_on_batches(tmp_path: Path) -> None:
    whole = digest_of(tmp_path / "a", [1, 2, 3, 4], batch=4)
    assert whole == digest_of(tmp_path / "b", [1, 2, 3, 4], batch=1)
    assert whole != digest_of(tmp_path / "c", [1, 2, 3, 5], batch=4)


def test_a_split_without_rows_leaves_no_directory(tmp_path: Path) -> None:
    assert digest_of(tmp_path / "empty", [], batch=1) == hashlib.sha256().hexdigest()
    assert not (tmp_path / "empty").exists()


def test_a_column_that_is_missing_is_our_mistake(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, {"labels": ColumnSpec(dtype="int64", shape=())}, digest=hashlib.sha256())
    with pytest.raises(KeyError):
        writer.append({"tokens": np.zeros(1)})
