"""Which split each row belongs to."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from launcher.config.schema import SplitConfig
from launcher.data.sources.base import SPLIT_NAMES, SPLITS
from launcher.errors import DataError

Ids = NDArray[np.int8]
"""Index in `SPLITS` of each row."""

TRAIN, VALIDATION, TEST = range(3)


def split_rows(
    num_rows: int,
    config: SplitConfig,
    *,
    given: Ids | None,
    column: pa.ChunkedArray | None,
    strata: NDArray[np.int64] | None,
) -> tuple[Ids, list[str]]:
    """The split of each row, and what was decided, in words.

    `given` are the source's own splits, `column` the values of `split.column`, `strata` the classes that each split
    shall hold in the same proportions. Where splits are given without one for validation, `split.validation` of the
    training rows validate. Depends on `split.seed` and on no other seed.

    Raises:
        DataError: too few rows, or splits that do not match the config.
    """
    strata = np.zeros(num_rows, dtype=np.int64) if strata is None else strata
    if config.method == "ratio":
        _check_ratio(config, given)
        ids = np.zeros(num_rows, dtype=np.int8)
        _draw(ids, TEST, config.test, strata, seed=config.seed)
        _draw(ids, VALIDATION, config.validation / (1 - config.test), strata, seed=config.seed)
        _check_sizes(ids, config)
        return ids, []
    if config.method == "column":
        assert column is not None
        ids = _named_in(column, config)
    else:
        ids = np.zeros(num_rows, dtype=np.int8) if given is None else given.copy()
    if not (ids == TRAIN).any():
        raise DataError("the training split has no rows")
    notes = []
    if config.validation > 0 and not (ids == VALIDATION).any():
        _draw(ids, VALIDATION, config.validation, strata, seed=config.seed)
        count = int((ids == VALIDATION).sum())
        if count == 0:
            raise DataError(
                f"the training split's {num_rows} row(s) are too few to validate on dataset.split.validation="
                f"{config.validation} of them; give a split for validation, or use dataset.split.validation=0"
            )
        notes.append(f"no split for validation was given: {count:,} rows of the training split validate")
    return ids, notes


def _check_ratio(config: SplitConfig, given: Ids | None) -> None:
    if config.validation + config.test >= 1:
        raise DataError(
            f"dataset.split.validation={config.validation} and dataset.split.test={config.test} leave nothing to "
            f"train on; use dataset.split.validation=0.1 dataset.split.test=0.1"
        )
    if given is not None:
        names = ", ".join(SPLITS[index] for index in np.unique(given))
        raise DataError(
            f"the data come with the splits {names}, which dataset.split.method=ratio would mix; "
            f"use dataset.split.method=given"
        )


def _check_sizes(ids: Ids, config: SplitConfig) -> None:
    sizes = np.bincount(ids, minlength=3)
    for index, share in ((TRAIN, 1.0), (VALIDATION, config.validation), (TEST, config.test)):
        if share > 0 and sizes[index] == 0:
            raise DataError(
                f"{len(ids)} rows are too few: the {SPLITS[index]} split would be empty with "
                f"dataset.split.validation={config.validation} dataset.split.test={config.test}; use other shares"
            )


def _draw(ids: Ids, index: int, share: float, strata: NDArray[np.int64], *, seed: int) -> None:
    """Move a share of the training rows of each stratum into a split, in place; each stratum keeps one to train on.

    Rows left over by rounding go to the strata with the largest remainders, so the total is right as well.
    """
    generator = np.random.Generator(np.random.Philox(key=[seed, index]))
    members = [np.flatnonzero((ids == TRAIN) & (strata == stratum)) for stratum in np.unique(strata)]
    exact = np.array([len(rows) * share for rows in members])
    counts = np.floor(exact).astype(int)
    missing = round(exact.sum()) - counts.sum()
    counts[np.argsort(counts - exact, kind="stable")[:missing]] += 1
    for rows, count in zip(members, counts, strict=True):
        ids[generator.permutation(rows)[: min(count, max(0, len(rows) - 1))]] = index


def _named_in(column: pa.ChunkedArray, config: SplitConfig) -> Ids:
    names = pc.utf8_lower(pc.cast(column, pa.string()))
    values = names.unique().to_pylist()
    unknown = [value for value in values if value not in SPLIT_NAMES]
    if unknown:
        raise DataError(
            f"column {config.column!r} names the split {unknown[0]!r}; its values must be {', '.join(SPLIT_NAMES)}"
        )
    ids = [SPLIT_NAMES[value] for value in values]
    return np.array(ids, dtype=np.int8)[pc.index_in(names, value_set=pa.array(values, pa.string())).to_numpy()]
