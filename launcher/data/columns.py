"""Reads prepared columns: memory-mapped, nothing copied before it is gathered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from launcher.data.manifest import ColumnSpec, Manifest
from launcher.errors import DataError


class Columns:
    """The columns of one split of prepared data.

    Raises:
        DataError: the directory holds no shards, or damaged ones.
    """

    def __init__(self, directory: Path, manifest: Manifest) -> None:
        paths = sorted(directory.glob("shard-*.arrow"))
        if not paths:
            raise DataError(f"{directory} holds no prepared columns; delete {manifest.path} and prepare again")
        self.names = tuple(manifest.columns)
        self._columns = manifest.columns
        self._shards = [_map_shard(path, manifest) for path in paths]
        lengths = [len(next(iter(shard.values()))) for shard in self._shards]
        self._ends = np.cumsum(lengths)
        self._starts = self._ends - lengths

    def __len__(self) -> int:
        return int(self._ends[-1])

    def gather(self, indices: NDArray[np.int64]) -> dict[str, NDArray]:
        """Copies of the rows at `indices` (n,), in that order: name -> (n, *shape)."""
        if len(self._shards) == 1:
            return {name: column.take(indices, axis=0) for name, column in self._shards[0].items()}
        owners = np.searchsorted(self._ends, indices, side="right")
        gathered = {
            name: np.empty((len(indices), *spec.shape), dtype=spec.dtype) for name, spec in self._columns.items()
        }
        for owner in np.unique(owners):
            places = np.flatnonzero(owners == owner)
            local = indices[places] - self._starts[owner]
            for name, column in self._shards[owner].items():
                gathered[name][places] = column.take(local, axis=0)
        return gathered

    def stream(self, name: str) -> list[NDArray]:
        """One column as a read-only array a shard, (rows, *shape), not copied."""
        return [shard[name] for shard in self._shards]


def _map_shard(path: Path, manifest: Manifest) -> dict[str, NDArray]:
    try:
        batch = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
        return {name: _as_array(batch.column(name), spec) for name, spec in manifest.columns.items()}
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{path} is damaged ({error}); delete {manifest.path} and prepare again") from error


def _as_array(column: pa.Array, spec: ColumnSpec) -> NDArray:
    """The column's own memory; pyarrow's `to_numpy` gives the same but imports pandas for it."""
    flat = column.flatten() if spec.shape else column
    dtype = np.dtype(spec.dtype)
    values = np.frombuffer(flat.buffers()[1], dtype, count=len(flat), offset=flat.offset * dtype.itemsize)
    return values.reshape(len(column), *spec.shape)
