"""Whatever a source returns becomes one data set with known splits."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from launcher.data.sources.base import SPLIT_NAMES, SPLITS, Source
from launcher.data.sources.library import root_cause
from launcher.errors import DataError, WindlassError

if TYPE_CHECKING:
    from datasets import Dataset

RETURN_TYPES = "a datasets.Dataset, a pandas DataFrame, a list of dicts, a dict of columns, or a dict of these by split"

PLACEHOLDER = "__names_of_classes__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The rows of all splits, one after the other."""

    rows: Dataset
    given: NDArray[np.int8] | None  # index in SPLITS of each row; None where the source gives no splits
    class_names: dict[str, list[str]]  # of columns that declare theirs; their values are names by now


def load(source: Source) -> Loaded:
    """Run the source and join its splits.

    Raises:
        DataError: `load` failed or returned something else than rows, a split has an unknown name, or the splits'
            columns differ.
    """
    name = f"{type(source).__module__}.{type(source).__qualname__}"
    try:
        returned = source.load()
    except WindlassError:
        raise
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise DataError(
            f"{name}.load() failed: {type(error).__name__}: {error} ({place.filename}, line {place.lineno})"
        ) from error
    splits = returned if _is_split(returned) else {"train": returned}
    ids = [SPLIT_NAMES[split] for split in splits if split in SPLIT_NAMES]
    if len(ids) < len(splits) or 0 not in ids:
        raise DataError(f"{name}.load() gives the splits {', '.join(splits)}; use {', '.join(SPLITS)}")
    datasets = [_as_dataset(rows, name) for rows in splits.values()]
    class_names = _class_names(datasets[0])
    given = None
    if len(splits) > 1:
        given = np.repeat(np.array(ids, dtype=np.int8), [len(rows) for rows in datasets])
    rows = _join([_with_names(rows) for rows in datasets], list(splits))
    if len(rows) == 0:
        raise DataError(f"{name}.load() returned no rows")
    return Loaded(rows=rows, given=given, class_names=class_names)


def _is_split(returned: Any) -> bool:
    """A dict by split, and not one of columns: its values are rows, and those are no plain sequences of cells."""
    if not isinstance(returned, Mapping) or not returned:
        return False
    from datasets import Dataset

    return all(
        isinstance(value, Dataset | Mapping) or _is_frame(value) or (_is_list_of_rows(value) and len(value) > 0)
        for value in returned.values()
    )


def _is_frame(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas" and type(value).__name__ == "DataFrame"


def _is_list_of_rows(value: Any) -> bool:
    is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    return is_list and all(isinstance(row, Mapping) for row in value)


def _as_dataset(rows: Any, name: str) -> Dataset:
    from datasets import Dataset

    try:
        if isinstance(rows, Dataset):
            return rows.with_format(None)
        if _is_frame(rows):
            return Dataset.from_pandas(rows, preserve_index=False)
        if isinstance(rows, Mapping):
            return Dataset.from_dict(dict(rows))
        if _is_list_of_rows(rows):
            return Dataset.from_list(list(rows))
    except Exception as error:
        raise DataError(f"what {name}.load() returned is no table: {root_cause(error)}") from error
    raise DataError(f"{name}.load() returned {type(rows).__name__}; return {RETURN_TYPES}")


def _class_names(rows: Dataset) -> dict[str, list[str]]:
    from datasets import ClassLabel

    return {name: list(feature.names) for name, feature in rows.features.items() if isinstance(feature, ClassLabel)}


def _with_names(rows: Dataset) -> Dataset:
    """Class numbers become class names, so that they mean the same in every split; -1 becomes a missing value."""
    import pyarrow as pa

    for name, names in _class_names(rows).items():
        numbers = rows.select_columns([name]).with_format("arrow")[:].column(0)
        known = [number if number is not None and number >= 0 else None for number in numbers.to_pylist()]
        named = pa.array(names, pa.string()).take(pa.array(known, pa.int64()))
        order = rows.column_names
        rows = rows.add_column(PLACEHOLDER, named).remove_columns(name).rename_column(PLACEHOLDER, name)
        rows = rows.select_columns(order)
    return rows


def _join(splits: list[Dataset], names: list[str]) -> Dataset:
    from datasets import Value, concatenate_datasets

    first = splits[0]
    joined = [first]
    for rows, name in zip(splits[1:], names[1:], strict=True):
        for column in set(first.column_names) & set(rows.column_names):
            ours, theirs = first.features[column], rows.features[column]
            if ours == theirs or _is_null(ours) or _is_null(theirs):
                continue
            if not (_is_number(ours) and _is_number(theirs)):
                raise DataError(f"column {column!r} is {ours} in the split {names[0]} and {theirs} in {name}")
            # Without a fraction in one of them, a reader takes the same column for integers there.
            joined = [part.cast_column(column, Value("float64")) for part in joined]
            first, rows = joined[0], rows.cast_column(column, Value("float64"))
        joined.append(rows)
    return concatenate_datasets(joined) if len(joined) > 1 else first


def _is_null(feature: Any) -> bool:
    return getattr(feature, "dtype", None) == "null"


def _is_number(feature: Any) -> bool:
    return str(getattr(feature, "dtype", "")).startswith(("int", "uint", "float"))
