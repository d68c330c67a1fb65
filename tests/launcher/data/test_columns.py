"""Columns come back as they were written, over any number of shards."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from launcher.data import shards
from launcher.data.columns import Columns
from launcher.data.manifest import ColumnSpec, Manifest
from launcher.errors import DataError

SPECS = {
    "tokens": ColumnSpec(dtype="uint16", shape=(5,)),
    "inputs": ColumnSpec(dtype="float32", shape=(2, 3, 3)),
    "labels": ColumnSpec(dtype="int64", shape=()),
}
MANIFEST = Manifest(path="/prepared", data={}, columns=SPECS, fitted={}, sha256="", notes=[], floors=None)


@pytest.fixture
def rows() -> dict[str, NDArray]:
    random = np.random.default_rng(0)
    return {name: (random.random((30, *spec.shape)) * 1000).astype(spec.dtype) for name, spec in SPECS.items()}


@pytest.fixture
def written(rows: dict[str, NDArray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Columns]:
    """Write in shards of this many rows."""

    def write(shard_rows: int) -> Columns:
        row_bytes = sum(column[0].nbytes for column in rows.values())
        monkeypatch.setattr(shards, "SHARD_BYTES", shard_rows * row_bytes)
        writer = shards.ShardWriter(tmp_path / "train", SPECS, digest=hashlib.sha256())
        for start in range(0, 30, 7):
            writer.append({name: column[start : start + 7] for name, column in rows.items()})
        assert writer.close() == 30
        return Columns(tmp_path / "train", MANIFEST)

    return write


@pytest.mark.parametrize("shard_rows", [1000, 10, 1])
def test_rows_come_in_the_order_that_is_asked_for(
    shard_rows: int, rows: dict[str, NDArray], written: Callable[[int], Columns]
) -> None:
    columns = written(shard_rows)
    indices = np.array([29, 0, 13, 13, 7, 28])
    gathered = columns.gather(indices)
    assert len(columns) == 30
    assert columns.names == ("tokens", "inputs", "labels")
    for name, column in rows.items():
        np.testing.assert_array_equal(gathered[name], column[indices])
        assert gathered[name].dtype == column.dtype


def test_a_large_split_has_several_shards(written: Callable[[int], Columns], tmp_path: Path) -> None:
    written(10)
    assert len(list((tmp_path / "train").glob("shard-*.arrow"))) > 1


def test_what_is_gathered_is_a_copy_that_can_be_written(written: Callable[[int], Columns]) -> None:
    columns = written(1000)
    columns.gather(np.array([0]))["labels"][:] = -1
    assert columns.gather(np.array([0]))["labels"][0] != -1


def test_a_column_streams_without_a_copy(rows: dict[str, NDArray], written: Callable[[int], Columns]) -> None:
    pieces = written(10).stream("tokens")
    np.testing.assert_array_equal(np.concatenate(pieces), rows["tokens"])
    assert not pieces[0].flags.writeable


def test_no_shards_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no prepared columns"):
        Columns(tmp_path, MANIFEST)


def test_a_damaged_shard_is_named(written: Callable[[int], Columns], tmp_path: Path) -> None:
    written(1000)
    (tmp_path / "train" / "shard-00000.arrow").write_bytes(b"no arrow")
    with pytest.raises(DataError, match=r"shard-00000\.arrow is damaged .*; delete /prepared"):
        Columns(tmp_path / "train", MANIFEST)


def test_reading_needs_no_slow_import() -> None:
    program = "import sys, launcher.data.columns; print({'torch', 'datasets', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
