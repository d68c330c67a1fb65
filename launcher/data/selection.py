"""From all rows of a source to the rows of each split that are used."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from launcher.config.schema import DatasetConfig
from launcher.data.clean import clean
from launcher.data.documents import cut_documents, too_few
from launcher.data.labels import class_values
from launcher.data.roles import Roles
from launcher.data.rows import column_of
from launcher.data.sources.base import SPLITS
from launcher.data.sources.loading import Loaded
from launcher.data.split import split_rows
from launcher.data.tokens import LANGUAGE_MODELS

if TYPE_CHECKING:
    from datasets import Dataset


def select_rows(
    loaded: Loaded, roles: Roles, dataset: DatasetConfig, *, labels: str
) -> tuple[dict[str, Dataset], list[str]]:
    """Limit, clean and divide: the rows of each split that is not empty, and what was done, in words.

    Raises:
        DataError: no row is left, a row is to be refused, or there are too few for the splits.
    """
    loaded, notes = _limit(loaded, dataset)
    language_model = labels in LANGUAGE_MODELS
    keep, cleaning = clean(
        loaded.rows,
        roles,
        dataset.clean,
        impute_inputs=dataset.kind == "table",
        empty_is_missing=dataset.kind == "text" and not (language_model and dataset.packing),
    )
    loaded = _take(loaded, np.flatnonzero(keep))
    rows, ids = loaded.rows, None
    if language_model and loaded.given is None and too_few(len(rows), dataset.split):
        notes.append(f"{len(rows)} document(s) are too few to divide whole: each is cut, and its end validates")
        rows, ids = cut_documents(rows, roles.inputs[0], dataset.split)
    dividing: list[str] = []
    if ids is None:
        ids, dividing = split_rows(
            len(rows),
            dataset.split,
            given=loaded.given,
            column=None if roles.split is None else column_of(rows, roles.split),
            strata=_strata(rows, roles) if labels == "classes" else None,
        )
    splits = {
        name: rows.select(np.flatnonzero(ids == index)) for index, name in enumerate(SPLITS) if (ids == index).any()
    }
    return splits, [*notes, *cleaning, *dividing]


def _limit(loaded: Loaded, dataset: DatasetConfig) -> tuple[Loaded, list[str]]:
    """At most `max_rows` rows of each split that is given, drawn with the seed of the split, in their order."""
    if dataset.max_rows is None:
        return loaded, []
    generator = np.random.Generator(np.random.Philox(key=[dataset.split.seed, len(SPLITS)]))
    given = np.zeros(len(loaded.rows), dtype=np.int8) if loaded.given is None else loaded.given
    chosen = [generator.permutation(np.flatnonzero(given == index))[: dataset.max_rows] for index in np.unique(given)]
    indices = np.sort(np.concatenate(chosen))
    note = f"took {len(indices):,} of {len(loaded.rows):,} rows (dataset.max_rows={dataset.max_rows})"
    return _take(loaded, indices), [note] if len(indices) < len(loaded.rows) else []


def _take(loaded: Loaded, indices: NDArray[np.int64]) -> Loaded:
    if len(indices) == len(loaded.rows):
        return loaded
    given = None if loaded.given is None else loaded.given[indices]
    return replace(loaded, rows=loaded.rows.select(indices), given=given)


def _strata(rows: Dataset, roles: Roles) -> NDArray[np.int64]:
    """The class of each row as a number."""
    (name,) = roles.target
    labels = class_values(column_of(rows, name), name=name)
    return pc.index_in(labels, value_set=labels.unique()).to_numpy().astype(np.int64)
