"""Targets: class ids, or numbers brought to a common scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from launcher.config.nearest import did_you_mean, listed
from launcher.data.manifest import ColumnSpec
from launcher.data.rows import is_number, is_text, is_vector, numbers, texts
from launcher.data.scaling import Scaling, fit_scaling
from launcher.errors import DataError


class ClassLabels:
    """Labels to ids 0, 1, ...; `fitted["classes"]` holds the labels in the order of their ids."""

    def __init__(self, fitted: dict[str, Any]) -> None:
        self.column: str = fitted["column"]
        self.classes: list[Any] = fitted["classes"]
        self.spec = ColumnSpec(dtype="int64", shape=())
        self.names = [str(label) for label in self.classes]
        self.sizes = {"num_outputs": len(self.classes), "class_names": self.names}

    def in_table(self, table: pa.Table) -> bool:
        """Whether the rows have their target."""
        return self.column in table.column_names

    def encode(self, table: pa.Table) -> NDArray[np.int64]:
        """Ids (n,) of the labels of a table.

        Raises:
            DataError: a label that is no class, naming it.
        """
        labels = class_values(table.column(self.column), name=self.column)
        ids = pc.index_in(labels, value_set=_like(labels.type, self.classes))
        if ids.null_count > 0:
            first = labels.filter(pc.is_null(ids))[0].as_py()
            if first is None:
                raise DataError(f"column {self.column!r} has a missing label")
            raise DataError(
                f"column {self.column!r} has the label {first!r}{did_you_mean(str(first), self.names)}, which the "
                f"training split does not have; its classes are {listed(self.names[:20], conjunction='and')}"
            )
        return ids.to_numpy().astype(np.int64)


class ValueLabels:
    """Numbers, scaled like inputs; `(values - offset) / scale`."""

    def __init__(self, fitted: dict[str, Any]) -> None:
        self.columns: list[str] = fitted["columns"]
        self.scaling = Scaling.from_fitted(fitted)
        width = len(self.scaling.offset)
        self.spec = ColumnSpec(dtype="float32", shape=(width,))
        self.sizes = {"num_outputs": width}

    def in_table(self, table: pa.Table) -> bool:
        """Whether the rows have their target."""
        return set(self.columns) <= set(table.column_names)

    def encode(self, table: pa.Table) -> NDArray[np.float32]:
        """Scaled values (n, num_outputs) of a table.

        Raises:
            DataError: a column that is not numeric.
        """
        return self.scaling.apply(_values(table, self.columns)).astype(np.float32)


Labels = ClassLabels | ValueLabels


def load_labels(fitted: dict[str, Any]) -> Labels:
    """The labels that `fit_classes` or `fit_values` fitted."""
    return ClassLabels(fitted) if "classes" in fitted else ValueLabels(fitted)


def fit_classes(table: pa.Table, column: str, *, declared: list[str] | None) -> dict[str, Any]:
    """Classes of the training split, sorted, or in the order in which the data set declares them.

    Raises:
        DataError: fewer than two classes.
    """
    labels = class_values(table.column(column), name=column)
    classes = sorted(labels.unique().to_pylist()) if declared is None else declared
    if len(classes) < 2:
        raise DataError(
            f"column {column!r} has a single class, {classes[0]!r}, in the training split: nothing to learn"
        )
    return {"column": column, "classes": classes}


def fit_values(table: pa.Table, columns: list[str], *, normalize: str) -> dict[str, Any]:
    """Scaling of the target columns on the training split."""
    return {"columns": columns, **fit_scaling(_values(table, columns), normalize).to_fitted()}


def class_values(column: pa.ChunkedArray, *, name: str) -> pa.ChunkedArray:
    """Labels as text, booleans or 64-bit integers; whole floats are integers (missing cells made them floats).

    Raises:
        DataError: numbers with a fraction, or what is no label.
    """
    if is_text(column.type):
        return texts(column)
    if pa.types.is_boolean(column.type):
        return column
    if not is_number(column.type):
        raise DataError(f"column {name!r} holds {column.type}, which can't be class labels; use text or whole numbers")
    try:
        return pc.cast(column, pa.int64())
    except pa.ArrowInvalid as error:
        raise DataError(
            f"column {name!r} holds numbers with a fraction, which can't be class labels; use task=regression"
        ) from error


def _like(kind: pa.DataType, classes: list[Any]) -> pa.Array:
    """The classes as `kind`; where that can't be, nothing is a member of them."""
    try:
        return pa.array(classes, kind)
    except (pa.ArrowException, TypeError, OverflowError):
        return pa.array([], kind)


def _values(table: pa.Table, names: list[str]) -> NDArray[np.float64]:
    for name in names:
        kind = table.column(name).type
        if not (is_number(kind) or is_vector(kind)):
            raise DataError(
                f"column {name!r} holds {kind}, not numbers; name another with dataset.target=COLUMN, "
                f"or use task=classification"
            )
    return np.concatenate([numbers(table.column(name), name=name) for name in names], axis=1)
