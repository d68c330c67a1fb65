"""What fitting needs from the config is asked for, and it sees the training split alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from datasets import Image as ImageFeature
from PIL import Image

from launcher.config.schema import DatasetConfig
from launcher.data.fitting import fit
from launcher.data.roles import Roles
from launcher.errors import DataError, RequestError


@pytest.fixture
def fitted(make_config: Callable[..., DatasetConfig]) -> Callable[..., dict[str, Any]]:
    def run(train: Dataset, inputs: str, *, labels: str, **changes: Any) -> dict[str, Any]:
        target = ("y",) if labels in ("classes", "values") else ()
        roles = Roles(inputs=(inputs,), target=target, split=None)
        return fit(train, roles, make_config("x.Y", **changes), labels=labels, class_names={})

    return run


TEXT = Dataset.from_dict({"text": ["a", "b"], "y": [0, 1]})


def test_targets_are_scaled_as_inputs_are(fitted: Callable[..., dict[str, Any]]) -> None:
    rows = Dataset.from_dict({"x": [1.0, 2.0], "y": [0.0, 10.0]})
    assert fitted(rows, "x", labels="values", normalize="minmax")["target"]["scale"] == [10.0]
    assert fitted(rows, "x", labels="values", normalize="none")["target"]["scale"] == [1.0]


def test_a_text_that_is_classified_is_not_packed(fitted: Callable[..., dict[str, Any]]) -> None:
    assert fitted(TEXT, "text", labels="classes", kind="text", packing=True)["inputs"]["packing"] is False


@pytest.mark.parametrize(
    ("missing", "message"),
    [("sequence_length", r"use dataset\.sequence_length=256"), ("tokenizer", r"use dataset\.tokenizer=bytes")],
)
def test_text_needs_a_length_and_a_tokenizer(missing: str, message: str, fitted: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(RequestError, match=message):
        fitted(TEXT, "text", labels="next_tokens", kind="text", **{missing: None})


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[[str], Dataset]:
    """Two pictures of a mode, in files."""

    def save(mode: str) -> Dataset:
        paths = [str(tmp_path / f"{mode}{number}.png") for number in range(2)]
        for path in paths:
            Image.fromarray(np.zeros((4, 4), dtype=np.uint8)).convert(mode).save(path)
        rows = Dataset.from_dict({"image": paths, "y": [0, 1]})
        return rows.cast_column("image", ImageFeature(decode=False))

    return save


@pytest.mark.parametrize(("mode", "read_as"), [("L", "L"), ("1", "L"), ("RGB", "RGB"), ("RGBA", "RGB"), ("P", "RGB")])
def test_images_are_read_as_the_first_one_is(
    mode: str, read_as: str, pictures: Callable[[str], Dataset], fitted: Callable[..., dict[str, Any]]
) -> None:
    assert fitted(pictures(mode), "image", labels="classes", kind="image", image_size=4)["inputs"]["mode"] == read_as


def test_files_of_images_need_a_size(pictures: Callable[[str], Dataset], fitted: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(RequestError, match=r"use dataset\.image_size=64"):
        fitted(pictures("L"), "image", labels="classes", kind="image")


def test_a_first_image_that_can_not_be_read_is_named(tmp_path: Path, fitted: Callable[..., dict[str, Any]]) -> None:
    (tmp_path / "bad.png").write_bytes(b"no image")
    rows = Dataset.from_dict({"image": [str(tmp_path / "bad.png")] * 2, "y": [0, 1]})
    with pytest.raises(DataError, match=r"bad\.png can't be decoded"):
        fitted(rows.cast_column("image", ImageFeature(decode=False)), "image", labels="classes", kind="image",
               image_size=4)  # fmt: skip
