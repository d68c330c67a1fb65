"""New rows are treated as those of the preparation were."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from launcher.config.schema import DatasetConfig
from launcher.data.prepare import Prepared
from launcher.data.transforms import Transforms
from launcher.errors import DataError

ROWS = [
    {"x": index * 1.5, "city": "ab"[index % 2], "text": f"text {index}", "y": ["no", "yes"][index % 2]}
    for index in range(20)
]
ALL_TRAIN = {"validation": 0.0, "test": 0.0}

CASES = {
    "table classes": ("classes", {"inputs": ["x", "city"], "target": "y"}),
    "table values": ("values", {"inputs": ["city"], "target": "x"}),
    "text classes": ("classes", {"inputs": "text", "target": "y", "kind": "text"}),
    "packed": ("next_tokens", {"inputs": "text", "kind": "text"}),
    "packed bpe": ("next_tokens", {"inputs": "text", "kind": "text", "tokenizer": "bpe", "vocab_size": 270}),
    "masked": ("masked_tokens", {"inputs": "text", "kind": "text", "packing": False}),
}  # fmt: skip


@pytest.fixture(params=CASES)
def prepared(
    request: pytest.FixtureRequest,
    rows_config: Callable[..., DatasetConfig],
    prepare_now: Callable[..., Prepared],
) -> Prepared:
    labels, changes = CASES[request.param]
    return prepare_now(rows_config(ROWS, split=ALL_TRAIN, **changes), labels=labels)


def test_the_same_rows_become_the_same_columns(prepared: Prepared, read: Callable[..., dict[str, NDArray]]) -> None:
    transforms = Transforms.from_fitted(json.loads(json.dumps(prepared.manifest.fitted)))
    encoded = transforms.encode(ROWS)
    written = read(prepared, "train")
    assert encoded.keys() == written.keys() == prepared.manifest.columns.keys()
    for name, column in written.items():
        np.testing.assert_array_equal(encoded[name], column)
        spec = prepared.manifest.columns[name]
        assert (encoded[name].dtype.name, encoded[name].shape[1:]) == (spec.dtype, spec.shape)


@pytest.fixture
def transforms_of(
    rows_config: Callable[..., DatasetConfig], prepare_now: Callable[..., Prepared]
) -> Callable[..., Transforms]:
    def fit(case: str, **changes: Any) -> Transforms:
        labels, defaults = CASES[case]
        prepared = prepare_now(rows_config(ROWS, split=ALL_TRAIN, **{**defaults, **changes}), labels=labels)
        return Transforms.from_fitted(prepared.manifest.fitted)

    return fit


def test_rows_without_a_target_become_inputs_alone(transforms_of: Callable[..., Transforms]) -> None:
    assert set(transforms_of("table classes").encode({"x": [1.0], "city": ["a"]})) == {"inputs"}


@pytest.mark.parametrize("case", ["packed", "packed bpe"])
def test_tokens_become_text_again(case: str, transforms_of: Callable[..., Transforms]) -> None:
    transforms = transforms_of(case, packing=False)
    row = transforms.encode([{"text": "text é"}])
    tokens = row["tokens"][0, : row["length"][0]]
    assert transforms.decode(tokens).rstrip("\n") == "text é"


def test_a_table_has_nothing_to_decode(transforms_of: Callable[..., Transforms]) -> None:
    with pytest.raises(DataError, match="only text data"):
        transforms_of("table classes").decode([1])
