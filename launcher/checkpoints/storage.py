"""How torch.distributed.checkpoint writes here: each process streams its parts into one safetensors file.

torch's own HuggingFaceStorageReader reads them back. What lies on the disk is never pickled.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from torch import Tensor
from torch.distributed.checkpoint import StorageWriter
from torch.distributed.checkpoint.metadata import Metadata, MetadataIndex
from torch.distributed.checkpoint.planner import SavePlan, SavePlanner
from torch.distributed.checkpoint.storage import WriteResult
from torch.futures import Future

from launcher.checkpoints.marker import begin, checkpoint_path, publish
from launcher.checkpoints.tensorfile import stream_tensors

PLACES, SAVED_OFFSETS = "DCP_SHARDING_INFO", "saved_offsets"
"""The words of torch's reader for where parts lie in their tensors."""


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file of a checkpoint, as the marker describes it."""

    name: str
    num_bytes: int
    sha256: str


class ShardWriter(StorageWriter):
    """Writes one checkpoint and publishes it.

    `staged` holds this process's part of each tensor in the host's memory; `state` is what the marker is to hold.
    """

    def __init__(self, directory: Path, *, step: int, staged: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        self._directory, self._step, self._staged, self._state = directory, step, staged, state

    def reset(self, checkpoint_id: Any = None) -> None:
        """Nothing is kept from one checkpoint to the next."""

    def set_up_storage_writer(self, is_coordinator: bool, *args: Any, **kwargs: Any) -> None:
        """The directory is made with the plan, before anybody writes."""

    def prepare_local_plan(self, plan: SavePlan) -> SavePlan:
        return plan

    def prepare_global_plan(self, plans: list[SavePlan]) -> list[SavePlan]:
        begin(self._directory, self._step)
        return [
            SavePlan(plan.items, storage_data=f"shard-{rank:05d}.safetensors", planner_data=plan.planner_data)
            for rank, plan in enumerate(plans)
        ]

    def write_data(self, plan: SavePlan, planner: SavePlanner) -> Future[list[WriteResult]]:
        written: Future[list[WriteResult]] = Future()
        written.set_result([self._write(plan)] if plan.items else [])
        return written

    def finish(self, metadata: Metadata, results: list[list[WriteResult]]) -> None:
        files = [result.storage_data for written in results for result in written]
        publish(
            checkpoint_path(self._directory, self._step),
            state=self._state,
            files={file.name: {"bytes": file.num_bytes, "sha256": file.sha256} for file in files},
        )

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: str | os.PathLike[str]) -> bool:
        return True

    def _write(self, plan: SavePlan) -> WriteResult:
        parts = {item.index.fqn: self._staged[item.index.fqn] for item in plan.items}
        places = {}
        for item in plan.items:
            assert item.tensor_data is not None
            places[item.index.fqn] = {SAVED_OFFSETS: list(item.tensor_data.chunk.offsets)}
        with (checkpoint_path(self._directory, self._step) / plan.storage_data).open("wb") as file:
            sink = HashingSink(file)
            metadata = {PLACES: json.dumps(places), "DCP_VERSION": "1.0"}
            stream_tensors(sink, parts, iter(parts.items()), metadata=metadata)
            file.flush()
            os.fsync(file.fileno())
        result = WrittenFile(plan.storage_data, sink.num_bytes, sink.sha256)
        return WriteResult(MetadataIndex(result.name), result.num_bytes, result)


class HashingSink:
    """Passes bytes on to a file and hashes them on the way, so that nothing is read again."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._hash = file, hashlib.sha256()
        self.num_bytes = 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, data: Any, /) -> None:
        """Write all of a buffer."""
        self._hash.update(data)
        self._file.write(data)
        self.num_bytes += len(data)
