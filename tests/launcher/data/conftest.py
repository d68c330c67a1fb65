"""Data sets small enough to prepare in milliseconds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from launcher.config.schema import CleanConfig, DatasetConfig, SplitConfig
from launcher.data.columns import Columns
from launcher.data.prepare import Prepared, prepare

SPLIT = {"method": "ratio", "validation": 0.2, "test": 0.2, "column": None, "seed": 0}
CLEAN = {"undecodable": "refuse", "missing": "drop", "duplicates": "keep", "non_finite": "drop"}
DATASET = {
    "kind": "table",
    "inputs": None,
    "target": None,
    "normalize": "standard",
    "tokenizer": "bytes",
    "vocab_size": None,
    "sequence_length": 16,
    "packing": True,
    "image_size": None,
    "max_rows": None,
}


@pytest.fixture
def make_config() -> Callable[..., DatasetConfig]:
    """A config from a `_target_`, its arguments, and what differs from a table's defaults."""

    def make(target_class: str, arguments: Mapping[str, Any] | None = None, **changes: Any) -> DatasetConfig:
        return DatasetConfig(
            source={"_target_": target_class, **(arguments or {})},
            split=SplitConfig(**(SPLIT | changes.pop("split", {}))),
            clean=CleanConfig(**(CLEAN | changes.pop("clean", {}))),
            **(DATASET | changes),
        )

    return make


@pytest.fixture
def rows_config(make_config: Callable[..., DatasetConfig], tmp_path: Path) -> Callable[..., DatasetConfig]:
    """A config of a JSON lines file with these rows."""

    def make(rows: Iterable[Mapping[str, Any]], **changes: Any) -> DatasetConfig:
        file = tmp_path / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return make_config("launcher.data.sources.tables.Jsonl", {"path": str(file)}, **changes)

    return make


@pytest.fixture
def prepare_now(tmp_path: Path) -> Callable[..., Prepared]:
    """Prepare into a cache of the test's own."""

    def run(config: DatasetConfig, *, labels: str = "classes") -> Prepared:
        return prepare(config, labels=labels, cache_dir=tmp_path / "cache", report=lambda stage, fraction: None)

    return run


@pytest.fixture
def read() -> Callable[[Prepared, str], dict[str, NDArray]]:
    """All rows of a prepared split."""

    def gather(prepared: Prepared, split: str = "train") -> dict[str, NDArray]:
        columns = Columns(prepared.path / split, prepared.manifest)
        return columns.gather(np.arange(len(columns)))

    return gather
