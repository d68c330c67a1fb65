"""Images: decoded, brought to one size, scaled channel by channel."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from launcher.data.manifest import ColumnSpec
from launcher.data.rows import nested_numbers
from launcher.data.scaling import Moments, Scaling
from launcher.errors import DataError


class ImageInputs:
    """A column of images to `inputs` (C, H, W), as fitted on the training split.

    Images are files (read as `mode` and resized to `image_size` pixels a side, values in 0..1), or arrays of numbers
    (H, W), (C, H, W) or (H, W, C) that already have the size (`mode` None).
    """

    def __init__(self, fitted: dict[str, Any]) -> None:
        self.column: str = fitted["column"]
        self.mode: str | None = fitted["mode"]
        self.image_size: int = fitted["image_size"]
        self.scaling = Scaling.from_fitted(fitted)
        shape = (len(self.scaling.offset), self.image_size, self.image_size)
        self.specs = {"inputs": ColumnSpec(dtype="float32", shape=shape)}
        self.sizes = {
            "num_features": int(np.prod(shape)),
            "num_channels": shape[0],
            "image_size": self.image_size,
        }

    def encode(self, table: pa.Table, tally: Counter[str]) -> dict[str, NDArray]:
        """`inputs` (n, C, H, W) of a table; `tally` is left as it is.

        Raises:
            DataError: an image can't be decoded, or has another shape than those of the training split.
        """
        images = pixels(table.column(self.column), name=self.column, mode=self.mode, image_size=self.image_size)
        if images.shape[1:] != self.specs["inputs"].shape:
            expected = self.specs["inputs"].shape
            raise DataError(f"column {self.column!r} has an image of shape {images.shape[1:]}; expected {expected}")
        scaled = self.scaling.apply(np.moveaxis(images, 1, -1))
        return {"inputs": np.ascontiguousarray(np.moveaxis(scaled, -1, 1), dtype=np.float32)}


def fit_images(
    train: Iterable[pa.Table], column: str, *, mode: str | None, image_size: int | None, normalize: str
) -> dict[str, Any]:
    """Size and scaling of each channel from the training split alone, in one pass.

    Raises:
        DataError: an image can't be decoded, or images differ in shape.
    """
    moments: Moments | None = None
    for table in train:
        images = pixels(table.column(column), name=column, mode=mode, image_size=image_size)
        if moments is None:
            moments, shape = Moments(images.shape[1]), images.shape[1:]
        if images.shape[1:] != shape:
            raise DataError(f"column {column!r} has images of shape {shape} and of shape {images.shape[1:]}")
        if normalize == "none" and mode is not None:
            break  # the first images show all that there is to know
        moments.update(np.moveaxis(images, 1, -1).reshape(-1, images.shape[1]))
    assert moments is not None, "the training split has rows"
    return {"column": column, "mode": mode, "image_size": shape[-1], **moments.scaling(normalize).to_fitted()}


def pixels(column: pa.ChunkedArray, *, name: str, mode: str | None, image_size: int | None) -> NDArray:
    """Images of a column as (n, C, H, W).

    Raises:
        DataError: naming the image that can't be decoded or has another shape.
    """
    if mode is None:
        return _stacked(column, image_size, name)
    assert image_size is not None, "files are resized"
    values = column.to_pylist()
    with ThreadPoolExecutor() as pool:  # pillow lets other threads run while it decodes and resizes
        return np.stack(list(pool.map(lambda value: decoded(value, mode, image_size), values)))


def decoded(value: Any, mode: str, image_size: int) -> NDArray[np.float32]:
    """An image file as (C, H, W) in 0..1.

    Raises:
        DataError: it can't be decoded.
    """
    from PIL import Image

    data, name = _bytes_and_name(value)
    try:
        with Image.open(io.BytesIO(data) if data is not None else name) as image:
            resized = image.convert(mode).resize((image_size, image_size), Image.Resampling.BILINEAR)
    except MemoryError:
        raise
    except Exception as error:  # there is hardly one that some broken file does not raise
        reason = str(error) or type(error).__name__
        raise DataError(f"the image {name} can't be decoded: {reason}") from error
    array: NDArray = np.asarray(resized, dtype=np.float32) / 255
    return array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)


def _bytes_and_name(value: Any) -> tuple[bytes | None, str]:
    """What to decode and what to call it: images come as {"bytes", "path"}, as bytes, or as a path."""
    if isinstance(value, dict):
        return value["bytes"], value["path"] or "in the data"
    return (value, "in the data") if isinstance(value, bytes) else (None, value)


def _stacked(column: pa.ChunkedArray, image_size: int | None, name: str) -> NDArray:
    images: NDArray = nested_numbers(column, name=name)
    if images.ndim == 4 and images.shape[-1] in (1, 3, 4) and images.shape[1] not in (1, 3, 4):
        images = np.moveaxis(images, -1, 1)  # (H, W, C)
    if images.ndim == 3:
        images = images[:, None]  # (H, W)
    if images.ndim != 4 or images.shape[-1] != images.shape[-2]:
        raise DataError(f"images must be squares of shape (H, W), (C, H, W) or (H, W, C), not {images.shape[1:]}")
    if image_size not in (None, images.shape[-1]):
        raise DataError(
            f"dataset.image_size={image_size} but the images are arrays of {images.shape[-1]} pixels a side, which "
            f"are not resized; use dataset.image_size=null"
        )
    if not np.isfinite(images).all():
        raise DataError("an image has pixels that are not finite numbers")
    return images
