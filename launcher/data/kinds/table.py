"""Tables: numbers scaled, text columns as one-hot categories, side by side in one vector."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from launcher.data.manifest import ColumnSpec
from launcher.data.rows import is_number, is_text, is_vector, numbers, texts
from launcher.data.scaling import Scaling, fit_scaling
from launcher.errors import DataError

MAX_CATEGORIES = 1000
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]|$)")
"""What begins like this is a date: CSV and JSON have no type for it."""


class TableInputs:
    """Columns of numbers and text to `inputs` (F,), as fitted on the training split."""

    def __init__(self, fitted: dict[str, Any]) -> None:
        self.features: list[dict[str, Any]] = fitted["features"]
        width = sum(_width(feature) for feature in self.features)
        self.specs = {"inputs": ColumnSpec(dtype="float32", shape=(width,))}
        self.sizes = {"num_features": width}

    def encode(self, table: pa.Table, tally: Counter[str]) -> dict[str, NDArray]:
        """`inputs` (n, F) of a table; `tally` counts values that were imputed and texts that are no category.

        Raises:
            DataError: a column is missing or of another type, or a value is missing that is not to be imputed.
        """
        parts = []
        for feature in self.features:
            name = feature["column"]
            if name not in table.column_names:
                raise DataError(f"column {name!r} is not in the rows; they have {', '.join(table.column_names)}")
            encode = _one_hot if "categories" in feature else _scaled
            parts.append(encode(table.column(name), feature, tally))
        return {"inputs": np.concatenate(parts, axis=1, dtype=np.float32)}


def fit_table(train: pa.Table, columns: list[str], *, normalize: str, impute: bool) -> dict[str, Any]:
    """Categories, scaling and, where `impute`, what replaces missing values, from the training split alone.

    Numbers are imputed by their median, text by the most frequent.

    Raises:
        DataError: a column without any value, or with too many categories.
    """
    features = []
    for name in columns:
        column = train.column(name)
        if column.null_count == len(column):
            raise DataError(f"column {name!r} has no value in the training split; leave it out of dataset.inputs")
        fit = _fit_categories if is_text(column.type) else _fit_numbers
        features.append({"column": name, **fit(column, name, normalize, impute)})
    return {"features": features}


def _fit_numbers(column: pa.ChunkedArray, name: str, normalize: str, impute: bool) -> dict[str, Any]:
    values = _finite_or_nan(numbers(column, name=name))
    fill = None
    if impute:
        if np.isnan(values).all(axis=0).any():
            raise DataError(
                f"column {name!r} has no finite value in the training split; leave it out of dataset.inputs"
            )
        fill = np.nanmedian(values, axis=0)
        values = np.where(np.isnan(values), fill, values)
        fill = fill.tolist()
    return {"fill": fill, **fit_scaling(values, normalize).to_fitted()}


def _fit_categories(column: pa.ChunkedArray, name: str, normalize: str, impute: bool) -> dict[str, Any]:
    counts = {entry["values"]: entry["counts"] for entry in texts(column).drop_null().value_counts().to_pylist()}
    if len(counts) > MAX_CATEGORIES:
        raise DataError(
            f"column {name!r} has {len(counts):,} different texts, more than the {MAX_CATEGORIES:,} that can be "
            f"categories; leave it out of dataset.inputs, or turn it into numbers"
        )
    categories = sorted(counts)
    if categories and all(ISO_DATE.match(text) for text in categories):
        raise DataError(
            f"column {name!r} holds dates, such as {categories[0]}, which mean nothing to a model as they are; "
            f"turn them into numbers, or leave the column out of dataset.inputs"
        )
    # Of equally frequent ones the first in the alphabet, so that the order of rows does not decide.
    return {"fill": max(categories, key=lambda text: counts[text]) if impute else None, "categories": categories}


def _width(feature: dict[str, Any]) -> int:
    return len(feature["categories"] if "categories" in feature else feature["offset"])


def _scaled(column: pa.ChunkedArray, feature: dict[str, Any], tally: Counter[str]) -> NDArray[np.float64]:
    name = feature["column"]
    if not (is_number(column.type) or is_vector(column.type) or pa.types.is_null(column.type)):
        raise DataError(f"column {name!r} holds {column.type}, but numbers in the training split")
    if column.null_count == len(column):
        values = np.full((len(column), _width(feature)), np.nan)
    else:
        values = _finite_or_nan(numbers(column, name=name))
    if values.shape[1] != _width(feature):
        raise DataError(f"column {name!r} holds {values.shape[1]} numbers a row, but {_width(feature)} in training")
    if feature["fill"] is not None:
        tally["imputed"] += int(np.isnan(values).sum())
        values = np.where(np.isnan(values), feature["fill"], values)
    _refuse_missing(np.isnan(values).any(axis=1), name)
    return Scaling.from_fitted(feature).apply(values)


def _one_hot(column: pa.ChunkedArray, feature: dict[str, Any], tally: Counter[str]) -> NDArray[np.float32]:
    """A category that the training split does not have is all zeros."""
    name = feature["column"]
    if not (is_text(column.type) or pa.types.is_null(column.type)):
        raise DataError(f"column {name!r} holds {column.type}, but text in the training split")
    values = texts(column)
    if feature["fill"] is not None:
        tally["imputed"] += values.null_count
        values = pc.fill_null(values, feature["fill"])
    _refuse_missing(pc.is_null(values).to_numpy().astype(bool), name)
    places = pc.index_in(values, value_set=pa.array(feature["categories"], pa.large_string()))
    tally["unknown"] += places.null_count
    ids = pc.fill_null(places, -1).to_numpy()
    return (ids[:, None] == np.arange(len(feature["categories"]))).astype(np.float32)


def _finite_or_nan(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(values), values, np.nan)


def _refuse_missing(missing: NDArray[np.bool_], name: str) -> None:
    if missing.any():
        raise DataError(
            f"row {int(np.flatnonzero(missing)[0]) + 1} has no finite value in column {name!r}; "
            f"train with dataset.clean.missing=impute to have it filled"
        )
