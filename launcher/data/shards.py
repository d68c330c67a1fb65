"""Writes prepared columns as Arrow files that workers can map into memory."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from launcher.data.manifest import ColumnSpec

if TYPE_CHECKING:
    from hashlib import _Hash

SHARD_BYTES = 128 * 2**20


class ShardWriter:
    """Appends rows of one split; each shard is an Arrow IPC file of one record batch.

    `digest` is fed with all rows, column by column within a shard. The directory appears with the first row.
    """

    def __init__(self, directory: Path, columns: dict[str, ColumnSpec], *, digest: _Hash) -> None:
        self.directory = directory
        self.columns = columns
        self.digest = digest
        self.num_rows = 0
        self._num_shards = 0
        row_bytes = sum(np.dtype(spec.dtype).itemsize * math.prod(spec.shape) for spec in columns.values())
        self._shard_rows = max(1, SHARD_BYTES // row_bytes)
        self._waiting: list[dict[str, NDArray]] = []
        self._num_waiting = 0

    def append(self, rows: dict[str, NDArray]) -> None:
        """Add rows: arrays of shape (rows, *shape), cast to each column's type."""
        count = len(next(iter(rows.values())))
        for start in range(0, count, self._shard_rows):
            self._waiting.append({name: rows[name][start : start + self._shard_rows] for name in self.columns})
            self._num_waiting += min(self._shard_rows, count - start)
            if self._num_waiting >= self._shard_rows:
                self._flush()

    def close(self) -> int:
        """Write what is left; returns the number of rows of the split."""
        if self._num_waiting > 0:
            self._flush()
        return self.num_rows

    def _flush(self) -> None:
        self.directory.mkdir(exist_ok=True)
        arrays = {}
        for name, spec in self.columns.items():
            values = np.concatenate([rows[name] for rows in self._waiting]).astype(spec.dtype, copy=False)
            flat = np.ascontiguousarray(values).reshape(-1)
            self.digest.update(flat.view(np.uint8).data)
            arrow = pa.array(flat)
            arrays[name] = pa.FixedSizeListArray.from_arrays(arrow, math.prod(spec.shape)) if spec.shape else arrow
        batch = pa.RecordBatch.from_pydict(arrays)
        path = self.directory / f"shard-{self._num_shards:05d}.arrow"
        with path.open("wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
            writer.write_batch(batch)
        self.num_rows += batch.num_rows
        self._num_shards += 1
        self._waiting, self._num_waiting = [], 0
