from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from launcher.jobs.compare import compare
from launcher.runs import write_json

LOSSES, NORMS = [2.0, 1.5], [1.0, 0.5]


def record(
    path: Path,
    *,
    losses: list[float] = LOSSES,
    norms: list[float] = NORMS,
    gradient: float = 1.0,
    parameter: float = 1.0,
) -> Path:
    path.mkdir()
    steps = [{"loss": loss, "gradient_norm": norm} for loss, norm in zip(losses, norms, strict=True)]
    write_json(path / "sgd.json", {"steps": steps})
    right = np.ones((2, 4), np.float32)
    save_file({"a": right, "b": right * np.float32(gradient)}, path / "sgd.gradients.safetensors")
    save_file({"a": right, "b": right * np.float32(parameter)}, path / "sgd.parameters.safetensors")
    return path


def test_equal_records_pass(tmp_path: Path) -> None:
    assert compare(record(tmp_path / "one"), record(tmp_path / "other"), "sgd").passed


def test_rounding_passes(tmp_path: Path) -> None:
    one = record(tmp_path / "one", losses=[2.000001, 1.500001], gradient=1.00001, parameter=1.00001)
    assert compare(one, record(tmp_path / "other"), "sgd").passed


def test_the_first_step_that_differs_is_named(tmp_path: Path) -> None:
    one = record(tmp_path / "one", losses=[2.0, 1.6])
    first = compare(one, record(tmp_path / "other"), "sgd").first
    assert first is not None
    assert (first.step, first.what, first.tensor) == (2, "loss", None)


def test_a_wrong_gradient_names_its_tensor(tmp_path: Path) -> None:
    first = compare(record(tmp_path / "one", gradient=2.0), record(tmp_path / "other"), "sgd").first
    assert first is not None
    assert (first.step, first.what, first.tensor) == (1, "gradient", "b")


def test_a_wrong_norm_is_found_where_each_gradient_is_right(tmp_path: Path) -> None:
    one = record(tmp_path / "one", norms=[1.1, 0.5])
    first = compare(one, record(tmp_path / "other"), "sgd").first
    assert first is not None
    assert (first.step, first.what) == (1, "gradient_norm")


def test_wrong_parameters_at_the_end_are_found(tmp_path: Path) -> None:
    comparison = compare(record(tmp_path / "one", parameter=1.01), record(tmp_path / "other"), "sgd")
    assert comparison.first is not None
    assert (comparison.first.what, comparison.first.tensor) == ("parameters", "b")
    assert comparison.parameter_difference == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_never_passes(tmp_path: Path, value: float) -> None:
    assert not compare(record(tmp_path / "one", gradient=value), record(tmp_path / "other"), "sgd").passed
    assert not compare(record(tmp_path / "two", parameter=value), tmp_path / "other", "sgd").passed


def test_a_parameter_whose_gradient_is_rounding_is_not_compared(tmp_path: Path) -> None:
    one = record(tmp_path / "one", gradient=1e-9, parameter=3.0)
    assert compare(one, record(tmp_path / "other", gradient=-1e-9), "sgd").passed
