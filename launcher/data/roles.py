"""Which column does what: inputs, target, and the one that names a row's split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from launcher.config.nearest import did_you_mean, listed, shown
from launcher.config.schema import DatasetConfig
from launcher.data.rows import is_number, is_text, is_vector
from launcher.errors import DataError, RequestError

if TYPE_CHECKING:
    from datasets import Dataset

WITH_TARGET = ("classes", "values")


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Names of columns."""

    inputs: tuple[str, ...]
    target: tuple[str, ...]  # empty for language models
    split: str | None

    @property
    def used(self) -> list[str]:
        """Inputs and target, each once."""
        return list(dict.fromkeys([*self.inputs, *self.target]))


def assign_roles(rows: Dataset, dataset: DatasetConfig, *, labels: str) -> Roles:
    """Resolve `inputs`, `target` and `split.column` against the columns that are there.

    Raises:
        RequestError: kind and labels do not go together.
        DataError: a column that is not there, or of a type that can't do its part.
    """
    if labels not in WITH_TARGET and dataset.kind != "text":
        raise RequestError(
            f"dataset.kind={dataset.kind} has no tokens to predict; use task=classification or task=regression"
        )
    types = {field.name: field.type for field in rows.features.arrow_schema}
    _refuse_mixed(rows)
    split = None
    if dataset.split.method == "column":
        split = _known(dataset.split.column, types, key="dataset.split.column")
    target = _target(dataset, types, labels=labels)
    if dataset.inputs is None:
        inputs = _default_inputs(dataset.kind, {n: t for n, t in types.items() if n not in (*target, split)})
    else:
        inputs = tuple(_known(name, types, key="dataset.inputs") for name in _names(dataset.inputs))
    overlap = set(inputs) & set(target)
    if overlap:
        raise DataError(f"column {sorted(overlap)[0]!r} is both in dataset.inputs and dataset.target; name it in one")
    _check_types(dataset.kind, inputs, types)
    return Roles(inputs=inputs, target=target, split=split)


def _target(dataset: DatasetConfig, types: Mapping[str, pa.DataType], *, labels: str) -> tuple[str, ...]:
    if labels not in WITH_TARGET:
        return ()
    if dataset.target is None:
        raise DataError(f"dataset.target is not set; name the column to predict, one of {', '.join(types)}")
    target = tuple(_known(name, types, key="dataset.target") for name in _names(dataset.target))
    if labels == "classes" and len(target) != 1:
        raise DataError(f"dataset.target={shown(dataset.target)}: classification takes one column")
    return target


def _names(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(name) for name in value]


def _known(name: str | None, types: Iterable[str], *, key: str) -> str:
    columns = list(types)
    if name in columns:
        return str(name)
    if name is None:
        raise DataError(f"{key} is not set; name one of the columns {', '.join(columns)}")
    there = listed(columns, conjunction="and")
    raise DataError(f"{key}={name} is not a column of the data{did_you_mean(name, columns)}; they have {there}")


def _default_inputs(kind: str, types: Mapping[str, pa.DataType]) -> tuple[str, ...]:
    """All columns of a table; of texts and images the column that goes by that name, or the only one."""
    if kind == "table":
        if not types:
            raise DataError("the data have no column beside the target; there is nothing to predict from")
        return tuple(types)
    fitting = [name for name, type_ in types.items() if (is_text(type_) if kind == "text" else _is_image(type_))]
    if kind in fitting:
        return (kind,)
    if len(fitting) == 1:
        return (fitting[0],)
    raise DataError(f"dataset.inputs is not set; name the column that holds the {kind}, one of {', '.join(types)}")


def _check_types(kind: str, inputs: tuple[str, ...], types: Mapping[str, pa.DataType]) -> None:
    if kind != "table" and len(inputs) != 1:
        raise DataError(f"dataset.inputs={shown(list(inputs))}: dataset.kind={kind} takes one column")
    for name in inputs:
        found = types[name]
        if kind == "text" and not is_text(found):
            raise DataError(f"column {name!r} holds {found}, not text; choose another with dataset.inputs=COLUMN")
        if kind == "image" and not _is_image(found):
            raise DataError(f"column {name!r} holds {found}, not images; choose another with dataset.inputs=COLUMN")
        if kind == "table":
            _check_feature(name, found, [other for other in inputs if other != name])


def _check_feature(name: str, kind: pa.DataType, others: list[str]) -> None:
    if is_number(kind) or is_text(kind) or is_vector(kind):
        return
    what = f"{kind}, which is no number and no text"
    if pa.types.is_temporal(kind):
        what = f"dates or times ({kind}), which mean nothing to a model as they are; turn them into numbers"
    elif pa.types.is_null(kind):
        what = "nothing but missing values"
    raise DataError(f"column {name!r} holds {what}; leave it out with dataset.inputs={shown(others)}")


def _is_image(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return {"bytes", "path"} <= {field.name for field in kind}
    return not is_vector(kind) and hasattr(kind, "value_type") and not is_text(kind)


def _refuse_mixed(rows: Dataset) -> None:
    """A JSON column with text in one row and a number in another is kept by the library as raw JSON."""
    for name, feature in rows.features.items():
        if type(feature).__name__ == "Json":
            raise DataError(f"column {name!r} mixes types, such as text and numbers; make them one")
