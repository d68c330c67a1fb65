"""Documents that are too few to be divided whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from launcher.config.schema import SplitConfig
from launcher.data.rows import column_of, texts
from launcher.data.split import TEST, TRAIN, VALIDATION, Ids

if TYPE_CHECKING:
    from datasets import Dataset


def too_few(num_documents: int, config: SplitConfig) -> bool:
    """Whether a ratio split of whole documents would leave a split that is asked for empty."""
    return config.method == "ratio" and any(0 < share * num_documents < 1 for share in (config.validation, config.test))


def cut_documents(rows: Dataset, column: str, config: SplitConfig) -> tuple[Dataset, Ids]:
    """Divide each document: its beginning trains, its end validates and tests. Returns the parts and their splits."""
    from datasets import Dataset

    parts: list[str] = []
    ids: list[int] = []
    for text in texts(column_of(rows, column)).to_pylist():
        first = round(len(text) * (1 - config.validation - config.test))
        second = round(len(text) * (1 - config.test))
        for index, part in ((TRAIN, text[:first]), (VALIDATION, text[first:second]), (TEST, text[second:])):
            if part:
                parts.append(part)
                ids.append(index)
    return Dataset.from_dict({column: parts}), np.array(ids, dtype=np.int8)
