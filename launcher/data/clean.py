"""Rows that can't be used: undecodable, with missing values or numbers that are not finite, or seen before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from launcher.config.schema import CleanConfig
from launcher.data.faults import image_faults, text_faults
from launcher.data.roles import Roles
from launcher.data.rows import batches, column_of, is_number, is_text, is_vector, numbers, texts
from launcher.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

Mask = NDArray[np.bool_]

WORDS = {"missing": "a missing value", "non_finite": "a number that is not finite"}
PLACE = "__place_of_row__"


def clean(
    rows: Dataset, roles: Roles, config: CleanConfig, *, impute_inputs: bool, empty_is_missing: bool
) -> tuple[Mask, list[str]]:
    """Which rows to keep, and what was done, in words.

    Values to be imputed keep their rows: they are filled later, with statistics of the training split. Only
    inputs are imputed, and only where `impute_inputs`; rows without a target are dropped instead. Duplicates are
    equal in inputs and target; the first stays. An empty text counts as missing where `empty_is_missing`. Images are
    looked into only where broken ones are skipped; else whoever decodes them meets them.

    Raises:
        DataError: a row is to be refused, or none is left.
    """
    keep, notes = _decodable(rows, roles, config)
    for fault, action in (("missing", config.missing), ("non_finite", config.non_finite)):
        for name in roles.used:
            column = column_of(rows, name)
            bad = _missing(column, empty_is_missing) if fault == "missing" else _non_finite(column, name)
            if not bad.any() or (action == "impute" and impute_inputs and name in roles.inputs):
                continue
            values = f"{WORDS[fault]} in column {name!r}"
            if action == "refuse" or (action == "impute" and name in roles.inputs):
                ways = ("drop", "impute") if impute_inputs else ("drop",)
                raise _refusal(bad, values, key=f"dataset.clean.{fault}", ways=ways)
            if (dropped := int((keep & bad).sum())) > 0:
                notes.append(f"dropped {dropped:,} of {len(rows):,} rows: {values}")
            keep &= ~bad
    if config.duplicates != "keep":
        repeated = keep & _repeated(rows, roles.used, keep)
        if repeated.any():
            if config.duplicates == "refuse":
                raise _refusal(repeated, "a copy of an earlier row", key="dataset.clean.duplicates", ways=("drop",))
            notes.append(f"dropped {int(repeated.sum()):,} of {len(rows):,} rows: copies of earlier ones")
            keep &= ~repeated
    if not keep.any():
        raise DataError(f"cleaning left no row: {'; '.join(notes)}")
    return keep, notes


def _decodable(rows: Dataset, roles: Roles, config: CleanConfig) -> tuple[Mask, list[str]]:
    keep, notes = np.ones(len(rows), dtype=bool), []
    for name in roles.used:
        faults = [*text_faults(rows, name), *(image_faults(rows, name) if config.undecodable == "skip" else ())]
        if not faults:
            continue
        places = np.array([row for row, _ in faults])
        row, reason = faults[0]
        if config.undecodable == "refuse":
            bad = np.zeros(len(rows), dtype=bool)
            bad[places] = True
            values = f"a value that can't be decoded in column {name!r} ({reason})"
            raise _refusal(bad, values, key="dataset.clean.undecodable", ways=("skip",))
        notes.append(
            f"dropped {int(keep[places].sum()):,} of {len(rows):,} rows: a value that can't be decoded in column "
            f"{name!r}, the first is row {row + 1:,}: {reason}"
        )
        keep[places] = False
    return keep, notes


def _refusal(bad: Mask, values: str, *, key: str, ways: tuple[str, ...]) -> DataError:
    first = int(np.flatnonzero(bad)[0]) + 1
    use = " or ".join(f"{key}={way}" for way in ways)
    return DataError(f"{int(bad.sum()):,} row(s) have {values}, the first is row {first:,}; use {use}")


def _missing(column: pa.ChunkedArray, empty_is_missing: bool) -> Mask:
    missing = _mask(pc.is_null(column))
    if empty_is_missing and is_text(column.type):
        missing |= _mask(pc.equal(pc.utf8_length(texts(column)), 0))
    return missing


def _non_finite(column: pa.ChunkedArray, name: str) -> Mask:
    if pa.types.is_floating(column.type):
        return ~_mask(pc.fill_null(pc.is_finite(column), True))
    if is_vector(column.type) and column.null_count < len(column):
        return _mask(pc.is_valid(column)) & ~np.isfinite(numbers(column, name=name)).all(axis=1)
    return np.zeros(len(column), dtype=bool)


def _mask(values: pa.ChunkedArray) -> Mask:
    return pc.fill_null(values, False).to_numpy().astype(bool)


def _repeated(rows: Dataset, names: list[str], keep: Mask) -> Mask:
    """Rows that equal an earlier row that is kept."""
    keys = {name: _comparable(rows, name).filter(pa.array(keep)) for name in names}
    places = pa.array(np.flatnonzero(keep))
    table = pa.table({**keys, PLACE: places})
    firsts = table.group_by(names, use_threads=False).aggregate([(PLACE, "min")]).column(f"{PLACE}_min")
    repeated = keep.copy()
    repeated[firsts.to_numpy()] = False
    return repeated


def _comparable(rows: Dataset, name: str) -> pa.ChunkedArray:
    """Numbers as they are; of all else a digest, which takes less room and can always be compared."""
    kind = rows.features.arrow_schema.field(name).type
    if is_number(kind):
        return column_of(rows, name)
    parts = [pa.array(_digests(table.column(0).to_pylist())) for table in batches(rows.select_columns([name]))]
    return pa.chunked_array(parts, type=pa.binary())


def _digests(values: Iterable[Any]) -> list[bytes]:
    return [hashlib.blake2b(_content(value), digest_size=16).digest() for value in values]


def _content(value: Any) -> bytes:
    if isinstance(value, dict) and "path" in value:  # an image: two files with the same content are the same
        try:
            return bytes(value["bytes"] or Path(value["path"]).read_bytes())
        except OSError:  # whoever decodes it says so
            return str(value["path"]).encode()
    return repr(value).encode(errors="surrogatepass")
