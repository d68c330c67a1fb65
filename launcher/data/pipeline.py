"""The stages of preparation, one after the other."""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from launcher.config.schema import DatasetConfig
from launcher.data.columns import Columns
from launcher.data.faults import refuse_image
from launcher.data.fitting import BATCH_ROWS, fit
from launcher.data.floors import byte_floors
from launcher.data.manifest import FILE_NAME, Manifest
from launcher.data.roles import Roles, assign_roles
from launcher.data.rows import batches
from launcher.data.selection import select_rows
from launcher.data.shards import ShardWriter
from launcher.data.sources.base import SPLITS, Source
from launcher.data.sources.library import quiet, root_cause
from launcher.data.sources.loading import Loaded, load
from launcher.data.sources.undecodable import undecodable
from launcher.data.transforms import Transforms
from launcher.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy.typing import NDArray

Report = Callable[[str, float | None], None]
"""Takes the name of the stage at hand and the fraction of it that is done, None where that is unknown."""


def prepare_into(
    directory: Path, source: Source, dataset: DatasetConfig, *, labels: str, scratch: Path, report: Report
) -> None:
    """Load, clean, divide, fit and write into `directory`, the manifest last.

    Raises:
        DataError: the data are missing, unreadable, or not what the config says.
        RequestError: the config asks for something that can't be.
    """
    report("reading", None)
    with quiet(scratch), undecodable(dataset.clean.undecodable, scratch / "left") as skips:
        try:
            loaded = load(source)
            roles = assign_roles(loaded.rows, dataset, labels=labels)
            report("cleaning", None)
            splits, notes = select_rows(loaded, roles, dataset, labels=labels)
            with _naming_images(loaded, roles, dataset):
                report("fitting", None)
                fitted = fit(splits["train"], roles, dataset, labels=labels, class_names=loaded.class_names)
                manifest = _write_splits(directory, splits, fitted, [*skips.notes(), *notes], report)
        except pa.ArrowException as error:
            raise DataError(f"the data can't be converted: {root_cause(error)}") from error
    manifest.save(directory / FILE_NAME)


@contextlib.contextmanager
def _naming_images(loaded: Loaded, roles: Roles, dataset: DatasetConfig) -> Iterator[None]:
    """What is decoded inside no longer knows its row: where an image is at fault, the error that names it is raised."""
    try:
        yield
    except DataError:
        if dataset.kind == "image":
            refuse_image(loaded.rows, roles.inputs[0])
        raise


def _write_splits(
    directory: Path, splits: dict[str, Dataset], fitted: dict[str, Any], notes: list[str], report: Report
) -> Manifest:
    transforms, digest = Transforms(fitted), hashlib.sha256()
    num_rows, tallies = dict.fromkeys(SPLITS, 0), {}
    for split, rows in splits.items():
        digest.update(split.encode())
        writer = ShardWriter(directory / split, transforms.columns, digest=digest)
        tally = tallies[split] = Counter[str]()
        for columns in transforms.stream(_reported(rows, fitted["kind"], split, report), tally):
            writer.append(columns)
        num_rows[split] = writer.close()
        notes = [*notes, *_tally_notes(tally, fitted, split, num_rows[split])]
    data = {"kind": fitted["kind"], "labels": fitted["labels"], "num_rows": num_rows, **transforms.sizes}
    if fitted["labels"] == "next_tokens":
        evaluated = tallies.get("validation", tallies["train"])
        data["bytes_per_token"] = evaluated["bytes"] / evaluated["tokens"]
    manifest = Manifest(
        path=str(directory),
        data=data,
        columns=transforms.columns,
        fitted=fitted,
        sha256=digest.hexdigest(),
        notes=notes,
        floors=None,
    )
    if not _is_byte_stream(fitted) or num_rows["validation"] == 0:
        return manifest
    report("measuring floors", None)
    train, validation = (_byte_stream(Columns(directory / split, manifest)) for split in ("train", "validation"))
    return replace(manifest, floors=byte_floors(train, np.concatenate(list(validation))))


def _reported(rows: Dataset, kind: str, split: str, report: Report) -> Iterator[pa.Table]:
    done = 0
    for table in batches(rows, size=BATCH_ROWS[kind]):
        report(f"writing {split}", done / len(rows))
        yield table
        done += table.num_rows
    report(f"writing {split}", 1.0)


def _tally_notes(tally: Counter[str], fitted: dict[str, Any], split: str, num_rows: int) -> list[str]:
    """What happened to a split while it was encoded, in words.

    Raises:
        DataError: nothing of it is left.
    """
    length = fitted["inputs"].get("sequence_length")
    if num_rows == 0:
        raise DataError(
            f"the text of the {split} split is too short: {tally['tokens']:,} tokens fill no row of "
            f"dataset.sequence_length={length}; use a smaller one, or more text"
        )
    words = {
        "left": f"left out the last {{}} token(s) of {split}, which fill no row",
        "cut": f"cut {{}} text(s) of {split} that are longer than dataset.sequence_length={length} tokens",
        "short": f"dropped {{}} text(s) of {split} that are too short to predict anything",
        "imputed": f"imputed {{}} value(s) of {split} with the training split's median or most frequent",
        "unknown": f"found {{}} text(s) in {split} that are no category of the training split",
    }
    return [words[name].format(f"{tally[name]:,}") for name in words if tally[name] > 0]


def _is_byte_stream(fitted: dict[str, Any]) -> bool:
    """Whether rows are a stream of bytes that a model predicts one by one, as the floors do."""
    inputs = fitted["inputs"]
    return fitted["labels"] == "next_tokens" and inputs["packing"] and inputs["tokenizer"]["name"] == "bytes"


def _byte_stream(columns: Columns) -> Iterator[NDArray[np.uint8]]:
    """The stream that was cut into rows, piece by piece: each row's last byte is the next row's first."""
    last = np.empty(0, dtype=np.uint8)
    for rows in columns.stream("tokens"):
        yield rows[:, :-1].reshape(-1)
        last = rows[-1, -1:]
    yield last
