"""A single document is cut, and none of it is lost."""

from __future__ import annotations

import pytest
from datasets import Dataset

from launcher.config.schema import SplitConfig
from launcher.data.documents import cut_documents, too_few

CONFIG = SplitConfig(method="ratio", validation=0.1, test=0.2, column=None, seed=0)


def test_the_beginning_trains_and_the_end_validates_and_tests() -> None:
    text = "".join(chr(65 + number % 26) for number in range(100))
    rows, ids = cut_documents(Dataset.from_dict({"text": [text]}), "text", CONFIG)
    assert rows["text"][:] == [text[:70], text[70:80], text[80:]]
    assert ids.tolist() == [0, 1, 2]


@pytest.mark.parametrize(("num_documents", "few"), [(1, True), (9, True), (10, False)])
def test_documents_are_cut_only_where_a_split_would_be_empty(num_documents: int, few: bool) -> None:
    assert too_few(num_documents, CONFIG) is few
