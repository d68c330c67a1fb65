"""Cells that can't be decoded: texts that are not UTF-8, and images that are broken."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from launcher.data.kinds.image import decoded
from launcher.data.rows import batches, column_of, is_text, texts
from launcher.data.sources.undecodable import HOW_TO_SKIP
from launcher.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

BATCH_ROWS = 64
"""Images that are held at once."""

Fault = tuple[int, str]
"""A row and what is wrong with it."""


def text_faults(rows: Dataset, name: str) -> Iterator[Fault]:
    """Rows of a column of text that are not UTF-8, as columnar files may hold."""
    column = column_of(rows, name)
    if not is_text(column.type):
        return
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        for row, content in enumerate(pc.cast(texts(column), pa.large_binary()).to_pylist()):
            try:
                (content or b"").decode()
            except UnicodeDecodeError as error:
                yield row, f"not UTF-8: byte 0x{content[error.start]:02x}"


def image_faults(rows: Dataset, name: str) -> Iterator[Fault]:
    """Rows of a column of image files that can't be decoded; each is looked into."""
    if not pa.types.is_struct(rows.features.arrow_schema.field(name).type):
        return
    first = 0
    with ThreadPoolExecutor() as pool:
        for table in batches(rows.select_columns([name]), size=BATCH_ROWS):
            for place, fault in enumerate(pool.map(_image_fault, table.column(0).to_pylist())):
                if fault is not None:
                    yield first + place, fault
            first += table.num_rows


def _image_fault(value: Any) -> str | None:
    if value is None:  # missing, which is another fault
        return None
    try:
        decoded(value, "RGB", image_size=1)
    except DataError as error:
        return str(error)
    return None


def refuse_image(rows: Dataset, name: str) -> None:
    """Name the first row with an image that can't be decoded, if there is one.

    Raises:
        DataError: there is one.
    """
    for row, fault in image_faults(rows, name):
        raise DataError(f"row {row + 1:,}, column {name!r}: {fault}; mend it, {HOW_TO_SKIP}")
