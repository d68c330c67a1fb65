"""From the rows of a source to those of each split."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from datasets import Dataset

from launcher.config.schema import DatasetConfig
from launcher.data.roles import assign_roles
from launcher.data.selection import select_rows
from launcher.data.sources.loading import Loaded

Selected = tuple[dict[str, Dataset], list[str]]


@pytest.fixture
def select(make_config: Callable[..., DatasetConfig]) -> Callable[..., Selected]:
    def run(
        columns: dict[str, list[Any]], *, labels: str = "classes", given: list[int] | None = None, **changes: Any
    ) -> Selected:
        rows = Dataset.from_dict(columns)
        ids = None if given is None else np.array(given, dtype=np.int8)
        config = make_config("x.Y", **{"target": "y", **changes})
        loaded = Loaded(rows=rows, given=ids, class_names={})
        return select_rows(loaded, assign_roles(rows, config, labels=labels), config, labels=labels)

    return run


COLUMNS = {"x": list(range(100)), "y": [0] * 60 + [1] * 40}


def test_rows_keep_their_order_within_a_split(select: Callable[..., Selected]) -> None:
    splits, _ = select(COLUMNS)
    assert sorted(x for rows in splits.values() for x in rows["x"]) == COLUMNS["x"]
    assert all(rows["x"][:] == sorted(rows["x"]) for rows in splits.values())


def test_classes_are_divided_in_proportion(select: Callable[..., Selected]) -> None:
    splits, _ = select(COLUMNS)
    assert {name: sum(rows["y"]) for name, rows in splits.items()} == {"train": 24, "validation": 8, "test": 8}


def test_a_limit_draws_from_all_rows(select: Callable[..., Selected]) -> None:
    splits, notes = select(COLUMNS, max_rows=50)
    kept = [x for rows in splits.values() for x in rows["x"]]
    assert len(kept) == 50
    assert max(kept) > 50
    assert notes == ["took 50 of 100 rows (dataset.max_rows=50)"]


def test_a_limit_holds_for_each_given_split(select: Callable[..., Selected]) -> None:
    splits, _ = select(COLUMNS, given=[0] * 90 + [1] * 10, split={"method": "given"}, max_rows=20)
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 20, "validation": 10}


def test_a_limit_that_is_not_reached_is_not_mentioned(select: Callable[..., Selected]) -> None:
    assert select(COLUMNS, max_rows=1000)[1] == []


def test_given_splits_survive_cleaning(select: Callable[..., Selected]) -> None:
    columns = {"x": [1.0, None, 3.0, 4.0], "y": [0, 1, 1, 0]}
    splits, _ = select(columns, given=[0, 0, 0, 1], split={"method": "given"})
    assert {name: rows["x"][:] for name, rows in splits.items()} == {"train": [1.0, 3.0], "validation": [4.0]}


def test_a_single_document_is_cut(select: Callable[..., Selected]) -> None:
    splits, notes = select({"text": ["x" * 100]}, labels="next_tokens", kind="text")
    assert {name: len(rows["text"][0]) for name, rows in splits.items()} == {
        "train": 60,
        "validation": 20,
        "test": 20,
    }
    assert "1 document(s) are too few" in notes[0]


def test_empty_documents_are_packed_but_not_classified(select: Callable[..., Selected]) -> None:
    texts = {"text": ["a", "", "b", "c", "d", ""] * 10, "y": [0, 1, 0, 1, 0, 0] * 10}
    assert sum(map(len, select(texts, labels="next_tokens", kind="text")[0].values())) == 60
    assert sum(map(len, select(texts, labels="classes", kind="text")[0].values())) == 40
