"""The bundled data sets are what their yaml files say."""

from __future__ import annotations

import pytest

from launcher.data.sources.scikit_learn import ScikitLearn
from launcher.errors import RequestError


@pytest.mark.parametrize(
    ("name", "rows", "columns", "targets"),
    [
        ("breast_cancer", 569, 31, 2),
        ("wine", 178, 14, 3),
        ("iris", 150, 5, 3),
        ("diabetes", 442, 11, 214),
        ("digits", 1797, 2, 10),
    ],
)
def test_rows_and_columns_are_there(name: str, rows: int, columns: int, targets: int) -> None:
    loaded = ScikitLearn(name).load()
    assert loaded.shape == (rows, columns)
    assert len(set(loaded["target"])) == targets


def test_classes_have_names() -> None:
    assert set(ScikitLearn("iris").load()["target"]) == {"setosa", "versicolor", "virginica"}


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(RequestError, match=r"dataset\.name=boston is unknown; use digits, breast_cancer"):
        ScikitLearn("boston")
