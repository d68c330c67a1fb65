"""How rows become columns: the one way for preparation and, later, for new rows.

`fitted` is plain JSON, `{"kind": ..., "labels": ..., "inputs": {...}, "target": {...} or None}`. It holds all that was
learnt from the training split or decided on the way, so that neither the data nor the config are needed any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from launcher.data.kinds.image import ImageInputs
from launcher.data.kinds.table import TableInputs
from launcher.data.kinds.text import TextInputs
from launcher.data.labels import load_labels
from launcher.data.manifest import ColumnSpec
from launcher.data.rows import Rows, as_table
from launcher.errors import DataError

Inputs = TextInputs | TableInputs | ImageInputs
INPUTS: dict[str, type[Inputs]] = {"text": TextInputs, "table": TableInputs, "image": ImageInputs}


class Transforms:
    """What was fitted, ready to be applied."""

    def __init__(self, fitted: dict[str, Any]) -> None:
        self._inputs = INPUTS[fitted["kind"]](fitted["inputs"])
        self._labels = None if fitted["target"] is None else load_labels(fitted["target"])

    @classmethod
    def from_fitted(cls, fitted: dict[str, Any]) -> Transforms:
        """The transforms that a manifest, or a trained model, keeps under `fitted`."""
        return cls(fitted)

    @property
    def columns(self) -> dict[str, ColumnSpec]:
        """Type and shape of each column that `encode` makes."""
        labels = {} if self._labels is None else {"labels": self._labels.spec}
        return {**self._inputs.specs, **labels}

    @property
    def sizes(self) -> dict[str, Any]:
        """What a config refers to as `${data.<name>}`."""
        return {**self._inputs.sizes, **({} if self._labels is None else self._labels.sizes)}

    def encode(self, rows: Rows) -> dict[str, NDArray]:
        """Columns of new rows: name -> (rows, *shape); `labels` only where the rows have the target.

        Packed text has as many rows as its tokens fill; the last incomplete one is left out.

        Raises:
            DataError: rows that can't be treated as the training split was, with the column or value at fault.
        """
        parts = list(self.stream([as_table(rows)], Counter()))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def stream(self, tables: Iterable[pa.Table], tally: Counter[str]) -> Iterator[dict[str, NDArray]]:
        """Columns of table after table; packed text runs on from one to the next. `tally` counts what happened."""
        if isinstance(self._inputs, TextInputs) and self._inputs.packing:
            yield from self._inputs.pack(tables, tally)
            return
        for table in tables:
            columns = self._inputs.encode(table, tally)
            if self._labels is not None and self._labels.in_table(table):
                columns["labels"] = self._labels.encode(table)
            yield columns

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of token ids.

        Raises:
            DataError: the data are no text.
        """
        if not isinstance(self._inputs, TextInputs):
            raise DataError("only text data have tokens to decode")
        return self._inputs.decode(tokens)
