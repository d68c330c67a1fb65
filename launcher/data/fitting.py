"""Fits, on the training split alone, everything that turns rows into columns."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from launcher.config.schema import DatasetConfig
from launcher.data.kinds.image import fit_images
from launcher.data.kinds.table import fit_table
from launcher.data.labels import fit_classes, fit_values
from launcher.data.roles import Roles
from launcher.data.rows import batches, table_of, texts
from launcher.data.tokens import LANGUAGE_MODELS, fit_tokenizer
from launcher.errors import DataError, RequestError

if TYPE_CHECKING:
    from datasets import Dataset

BATCH_ROWS = {"text": 256, "table": 4096, "image": 64}
"""Rows that are held at once: a document or an image may take a megabyte."""

GRAYSCALE_MODES = ("1", "L", "LA", "I", "I;16", "F")


def fit(
    train: Dataset, roles: Roles, dataset: DatasetConfig, *, labels: str, class_names: dict[str, list[str]]
) -> dict[str, Any]:
    """What `launcher.data.transforms.Transforms` is made from; see there.

    `class_names` are of the columns that declare theirs.

    Raises:
        DataError: the training split does not allow it.
        RequestError: the config lacks a length, a size or a number of tokens.
    """
    fit_inputs = {"text": _fit_text, "table": _fit_table, "image": _fit_image}[dataset.kind]
    target = None
    if labels == "classes":
        (column,) = roles.target
        target = fit_classes(table_of(train, [column]), column, declared=class_names.get(column))
    elif labels == "values":
        columns = list(roles.target)
        target = fit_values(table_of(train, columns), columns, normalize=dataset.normalize)
    inputs = fit_inputs(train, roles, dataset, labels)
    return {"kind": dataset.kind, "labels": labels, "inputs": inputs, "target": target}


def _fit_table(train: Dataset, roles: Roles, dataset: DatasetConfig, labels: str) -> dict[str, Any]:
    impute = "impute" in (dataset.clean.missing, dataset.clean.non_finite)
    columns = list(roles.inputs)
    return fit_table(table_of(train, columns), columns, normalize=dataset.normalize, impute=impute)


def _fit_text(train: Dataset, roles: Roles, dataset: DatasetConfig, labels: str) -> dict[str, Any]:
    if dataset.sequence_length is None:
        raise RequestError("dataset.sequence_length is not set: tokens a row; use dataset.sequence_length=256")
    if dataset.tokenizer is None:
        raise RequestError("dataset.tokenizer is not set; use dataset.tokenizer=bytes, bpe, or the name of one")
    (column,) = roles.inputs

    def documents() -> Iterator[Sequence[str]]:
        for table in batches(train.select_columns([column]), size=BATCH_ROWS["text"]):
            yield texts(table.column(0)).to_pylist()

    return {
        "column": column,
        "labels": labels,
        "tokenizer": fit_tokenizer(dataset.tokenizer, documents(), labels=labels, vocab_size=dataset.vocab_size),
        "sequence_length": dataset.sequence_length,
        "packing": dataset.packing and labels in LANGUAGE_MODELS,
    }


def _fit_image(train: Dataset, roles: Roles, dataset: DatasetConfig, labels: str) -> dict[str, Any]:
    (column,) = roles.inputs
    mode = None
    if pa.types.is_struct(train.features.arrow_schema.field(column).type):
        mode = getattr(train.features[column], "mode", None) or _guess_mode(train, column)
        if dataset.image_size is None:
            raise RequestError("dataset.image_size is not set: pixels a side; use dataset.image_size=64")
    return fit_images(
        batches(train.select_columns([column]), size=BATCH_ROWS["image"]),
        column,
        mode=mode,
        image_size=dataset.image_size,
        normalize=dataset.normalize,
    )


def _guess_mode(train: Dataset, column: str) -> str:
    """One channel if the first image has one."""
    from PIL import Image

    first = table_of(train.select([0]), [column]).column(0)[0].as_py()
    try:
        with Image.open(io.BytesIO(first["bytes"]) if first["bytes"] is not None else first["path"]) as image:
            return "L" if image.mode in GRAYSCALE_MODES else "RGB"
    except Exception as error:  # as for every image that is decoded
        raise DataError(f"the image {first['path'] or 'in row 1'} can't be decoded: {error}") from error
