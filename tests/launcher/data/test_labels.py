"""Targets are fitted on the training split, and what it does not have is named."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from launcher.data.labels import fit_classes, fit_values, load_labels
from launcher.errors import DataError


def table(**columns: list) -> pa.Table:
    return pa.table(columns)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["b", "a", "b"], ["a", "b"]),
        ([10, 9, 10], ["9", "10"]),
        ([10.0, 9.0, 10.0], ["9", "10"]),
        ([True, False, True], ["False", "True"]),
    ],
)
def test_classes_are_sorted_and_numbered(labels: list, names: list[str]) -> None:
    fitted = load_labels(fit_classes(table(y=labels), "y", declared=None))
    assert fitted.sizes == {"num_outputs": 2, "class_names": names}
    np.testing.assert_array_equal(fitted.encode(table(y=labels)), [1, 0, 1])


def test_declared_classes_keep_their_order() -> None:
    fitted = load_labels(fit_classes(table(y=["cat", "dog"]), "y", declared=["dog", "cow", "cat"]))
    np.testing.assert_array_equal(fitted.encode(table(y=["cat", "dog", "cow"])), [2, 0, 1])


def test_a_label_outside_the_classes_is_named() -> None:
    fitted = load_labels(fit_classes(table(y=["setosa", "virginica"]), "y", declared=None))
    with pytest.raises(DataError, match=r"column 'y' has the label 'virginca' \(did you mean virginica\?\)"):
        fitted.encode(table(y=["setosa", "virginca"]))


def test_labels_of_another_type_are_outside_the_classes() -> None:
    fitted = load_labels(fit_classes(table(y=[0, 1]), "y", declared=None))
    with pytest.raises(DataError, match="has the label 'one'"):
        fitted.encode(table(y=["one"]))


def test_a_single_class_is_refused() -> None:
    with pytest.raises(DataError, match="column 'y' has a single class, 'a'"):
        fit_classes(table(y=["a", "a"]), "y", declared=None)


def test_fractions_are_no_classes() -> None:
    with pytest.raises(DataError, match=r"numbers with a fraction.*task=regression"):
        fit_classes(table(y=[0.5, 1.0]), "y", declared=None)


def test_values_are_scaled_by_the_training_split() -> None:
    fitted = load_labels(fit_values(table(a=[0, 2], b=[10.0, 30.0]), ["a", "b"], normalize="standard"))
    assert fitted.sizes == {"num_outputs": 2}
    np.testing.assert_allclose(fitted.encode(table(a=[0, 4], b=[10.0, 20.0])), [[-1, -1], [3, 0]])


def test_text_is_no_value() -> None:
    with pytest.raises(DataError, match=r"column 'y' holds string, not numbers.*task=classification"):
        fit_values(table(y=["a", "b"]), ["y"], normalize="none")


def test_rows_without_a_target_have_no_labels() -> None:
    fitted = load_labels(fit_classes(table(y=["a", "b"]), "y", declared=None))
    assert not fitted.in_table(table(x=[1]))
