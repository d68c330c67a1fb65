"""Images in the user's folders, one folder a class."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher.data.sources.base import SPLIT_NAMES
from launcher.data.sources.files import check_files, fingerprint_files
from launcher.data.sources.undecodable import skipping
from launcher.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")


class ImageFolder:
    """`<path>/<class>/<image>`, as columns `image` and `label`.

    Splits are given by `<path>/train/<class>/<image>` and so on, or by a mapping of split to such a folder.
    `grayscale` reads one channel instead of red, green and blue.
    """

    def __init__(self, path: Any, grayscale: bool = False) -> None:
        self.path = path
        self.grayscale = grayscale

    def fingerprint(self) -> str:
        """Changes when an image is added, removed or written."""
        return fingerprint_files(file for root in self._roots().values() for file in _images(root))

    def load(self) -> dict[str, Dataset]:
        """One row an image, not decoded yet."""
        from datasets import Dataset, Image

        loaded = {}
        for split, root in self._roots().items():
            files = _images(root)
            if skipping() is None:  # else images are looked into when rows are cleaned
                check_files(files, text=False)
            labels = [file.relative_to(root).parts[0] for file in files]
            rows = Dataset.from_dict({"image": [str(file) for file in files], "label": labels})
            loaded[split] = rows.cast_column("image", Image(mode="L" if self.grayscale else "RGB", decode=False))
        return loaded

    def _roots(self) -> dict[str, Path]:
        if isinstance(self.path, Mapping):
            return {str(split): _folder(part) for split, part in self.path.items() if part is not None}
        root = _folder(self.path)
        below = {folder.name: folder for folder in root.iterdir() if folder.is_dir()}
        if "train" in below and all(name in SPLIT_NAMES for name in below):
            return below
        return {"train": root}


def _folder(path: Any) -> Path:
    root = Path(str(path)).expanduser().absolute()
    if not root.is_dir():
        raise DataError(f"dataset.path={path} is not a folder; it must hold one folder of images a class")
    return root


def _images(root: Path) -> list[Path]:
    files = sorted(file for file in root.glob("*/**/*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise DataError(f"dataset.path={root} holds no images in folders; expected {root}/<class>/<image>.png")
    return files
