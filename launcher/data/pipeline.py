"""The stages of preparation, one after the other."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from launcher.config.schema import DatasetConfig
from launcher.data.clean import clean
from launcher.data.columns import Columns
from launcher.data.documents import cut_documents, too_few
from launcher.data.fitting import BATCH_ROWS, fit
from launcher.data.floors import byte_floors
from launcher.data.labels import class_values
from launcher.data.manifest import FILE_NAME, Manifest
from launcher.data.roles import Roles, assign_roles
from launcher.data.rows import batches, column_of
from launcher.data.shards import ShardWriter
from launcher.data.sources.base import SPLITS, Source
from launcher.data.sources.library import quiet, root_cause
from launcher.data.sources.loading import Loaded, load
from launcher.data.split import Ids, split_rows
from launcher.data.tokens import LANGUAGE_MODELS
from launcher.data.transforms import Transforms
from launcher.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

    from launcher.data.prepare import Report


def prepare_into(scratch: Path, source: Source, dataset: DatasetConfig, *, labels: str, report: Report) -> None:
    """Load, clean, divide, fit and write; `scratch/prepared` holds the result, the manifest last.

    Raises:
        DataError: the data are missing, unreadable, or not what the config says.
        RequestError: the config asks for something that can't be.
    """
    with quiet(scratch / "datasets"):
        try:
            report("reading", None)
            loaded = load(source)
            roles = assign_roles(loaded.rows, dataset, labels=labels)
            report("cleaning", None)
            splits, notes = _usable_rows(loaded, roles, dataset, labels=labels)
            report("fitting", None)
            fitted = fit(splits["train"], roles, dataset, labels=labels, class_names=loaded.class_names)
            transforms = Transforms(fitted)
            digest = hashlib.sha256()
            sizes, tallies = {}, {}
            for split, rows in splits.items():
                writer = ShardWriter(scratch / "prepared" / split, transforms.columns, digest=digest)
                sizes[split], tallies[split] = _write(rows, writer, transforms, BATCH_ROWS[dataset.kind], split, report)
                notes += _tally_notes(split, tallies[split])
            ...
        except pa.ArrowException as error:
            raise DataError(f"the data can't be converted: {root_cause(error)}") from error
