"""Images are labelled by their folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from launcher.config.schema import DatasetConfig
from launcher.data.prepare import Prepared
from launcher.data.sources.image_folder import ImageFolder
from launcher.errors import DataError

TARGET = "launcher.data.sources.image_folder.ImageFolder"


def save(root: Path, *labels: str, count: int = 5) -> str:
    """White images of the last label, black ones of the others."""
    for place, label in enumerate(labels):
        (root / label).mkdir(parents=True)
        for number in range(count):
            shade = 255 if place == len(labels) - 1 else 0
            Image.fromarray(np.full((12, 16, 3), shade, dtype=np.uint8)).save(root / label / f"{number}.png")
    return str(root)


def labels_of(source: ImageFolder) -> dict[str, set[str]]:
    return {split: set(rows["label"]) for split, rows in source.load().items()}


def test_the_folder_is_the_label(tmp_path: Path) -> None:
    assert labels_of(ImageFolder(save(tmp_path, "cat", "dog"))) == {"train": {"cat", "dog"}}


def test_folders_named_as_splits_are_splits(tmp_path: Path) -> None:
    save(tmp_path / "train", "cat", "dog")
    save(tmp_path / "test", "cat")
    assert labels_of(ImageFolder(str(tmp_path))) == {"train": {"cat", "dog"}, "test": {"cat"}}


def test_a_mapping_gives_splits(tmp_path: Path) -> None:
    paths = {"train": save(tmp_path / "a", "cat", "dog"), "test": save(tmp_path / "b", "dog")}
    assert labels_of(ImageFolder(paths)) == {"train": {"cat", "dog"}, "test": {"dog"}}


def test_images_far_below_belong_to_the_first_folder(tmp_path: Path) -> None:
    save(tmp_path / "cat" / "indoors", "black", "white")
    assert labels_of(ImageFolder(str(tmp_path))) == {"train": {"cat"}}


@pytest.mark.parametrize(("grayscale", "channels"), [(False, 3), (True, 1)])
def test_images_become_columns(
    grayscale: bool,
    channels: int,
    tmp_path: Path,
    make_config: Callable[..., DatasetConfig],
    prepare_now: Callable[..., Prepared],
    read: Callable[..., dict[str, NDArray[Any]]],
) -> None:
    arguments = {"path": save(tmp_path / "images", "black", "white"), "grayscale": grayscale}
    config = make_config(TARGET, arguments, kind="image", target="label", image_size=4, normalize="none")
    columns = read(prepare_now(config), "train")
    expected = np.broadcast_to(columns["labels"][:, None, None, None], (6, channels, 4, 4))
    np.testing.assert_array_equal(columns["inputs"], expected)


def test_a_corrupt_image_is_named(
    tmp_path: Path, make_config: Callable[..., DatasetConfig], prepare_now: Callable[..., Prepared]
) -> None:
    path = save(tmp_path / "images", "black", "white")
    (tmp_path / "images" / "white" / "3.png").write_bytes(b"no image")
    config = make_config(TARGET, {"path": path, "grayscale": True}, kind="image", target="label", image_size=4)
    with pytest.raises(
        DataError, match=r"row 9, column 'image': the image .*white/3\.png can't be decoded: .*undecodable=skip"
    ):
        prepare_now(config)


def test_images_that_are_broken_can_be_skipped_and_are_counted(
    tmp_path: Path, make_config: Callable[..., DatasetConfig], prepare_now: Callable[..., Prepared]
) -> None:
    path = save(tmp_path / "images", "black", "white", count=10)
    (tmp_path / "images" / "white" / "3.png").write_bytes(b"no image")
    (tmp_path / "images" / "black" / "7.png").write_bytes(b"")
    shape = {"kind": "image", "target": "label", "image_size": 4}
    prepared = prepare_now(make_config(TARGET, {"path": path}, clean={"undecodable": "skip"}, **shape))
    assert sum(prepared.data["num_rows"].values()) == 18
    (note,) = prepared.manifest.notes
    assert note.startswith("dropped 2 of 20 rows: a value that can't be decoded in column 'image', the first is row 8")
    with pytest.raises(DataError, match=r"7\.png is empty"):
        prepare_now(make_config(TARGET, {"path": path}, **shape))


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder; it must hold one folder of images a class"):
        ImageFolder(str(tmp_path / "none")).load()


def test_images_without_folders_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), dtype=np.uint8)).save(tmp_path / "0.png")
    with pytest.raises(DataError, match=r"holds no images in folders; expected .*/<class>/<image>\.png"):
        ImageFolder(str(tmp_path)).load()


def test_a_new_image_changes_the_fingerprint(tmp_path: Path) -> None:
    source = ImageFolder(save(tmp_path, "cat", "dog"))
    before = source.fingerprint()
    (tmp_path / "cat" / "9.png").write_bytes((tmp_path / "cat" / "0.png").read_bytes())
    assert source.fingerprint() != before
