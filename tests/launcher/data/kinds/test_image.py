"""Images of any form become arrays of one shape, scaled channel by channel."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from PIL import Image

from launcher.data.kinds.image import ImageInputs, fit_images
from launcher.errors import DataError

RANDOM = np.random.default_rng(0)


def fit(
    images: list[Any], *, mode: str | None = None, image_size: int | None = None, normalize: str = "none"
) -> ImageInputs:
    table = pa.table({"image": images})
    fitted = fit_images([table], "image", mode=mode, image_size=image_size, normalize=normalize)
    return ImageInputs(json.loads(json.dumps(fitted)))


def encode(inputs: ImageInputs, images: list[Any]) -> NDArray[np.float32]:
    return inputs.encode(pa.table({"image": images}), Counter())["inputs"]


def png(array: NDArray[np.uint8]) -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "png")
    return {"bytes": buffer.getvalue(), "path": None}


@pytest.mark.parametrize(("shape", "channels"), [((6, 6), 1), ((3, 6, 6), 3), ((6, 6, 3), 3), ((6, 6, 1), 1)])
def test_arrays_become_channels_first(shape: tuple[int, ...], channels: int) -> None:
    images = RANDOM.random((5, *shape)).tolist()
    inputs = fit(images)
    assert inputs.sizes == {"num_features": channels * 36, "num_channels": channels, "image_size": 6}
    assert encode(inputs, images).shape == (5, channels, 6, 6)


def test_files_are_decoded_resized_and_brought_to_0_to_1() -> None:
    red = np.zeros((20, 30, 3), dtype=np.uint8)
    red[..., 0] = 255
    encoded = encode(fit([png(red)], mode="RGB", image_size=4), [png(red)])
    np.testing.assert_array_equal(encoded[0], np.stack([np.ones((4, 4)), np.zeros((4, 4)), np.zeros((4, 4))]))


def test_grayscale_has_one_channel() -> None:
    colours = RANDOM.integers(0, 256, (8, 8, 3)).astype(np.uint8)
    assert encode(fit([png(colours)], mode="L", image_size=8), [png(colours)]).shape == (1, 1, 8, 8)


def test_a_path_and_bytes_are_images_as_well(tmp_path: Path) -> None:
    image = png(RANDOM.integers(0, 256, (8, 8, 3)).astype(np.uint8))
    (tmp_path / "x.png").write_bytes(image["bytes"])
    inputs = fit([image], mode="RGB", image_size=8)
    np.testing.assert_array_equal(encode(inputs, [str(tmp_path / "x.png")]), encode(inputs, [image]))
    np.testing.assert_array_equal(encode(inputs, [image["bytes"]]), encode(inputs, [image]))


def test_standard_scales_each_channel() -> None:
    images = (RANDOM.random((20, 3, 5, 5)) * [[[1]], [[10]], [[100]]]).tolist()
    encoded = encode(fit(images, normalize="standard"), images)
    np.testing.assert_allclose(encoded.mean(axis=(0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(encoded.std(axis=(0, 2, 3)), 1, rtol=1e-5)


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"the image .*broken\.png can't be decoded"):
        fit([{"bytes": None, "path": str(tmp_path / "broken.png")}], mode="RGB", image_size=8)


def test_a_truncated_image_is_refused() -> None:
    image = png(RANDOM.integers(0, 256, (64, 64, 3)).astype(np.uint8))
    with pytest.raises(DataError, match="can't be decoded"):
        fit([{"bytes": image["bytes"][:1000], "path": "half.png"}], mode="RGB", image_size=8)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([[[1.0, 2.0]]], "images must be squares"),
        ([[[1.0, 2.0], [1.0]]], "must hold lists of one length"),
        ([[[1.0, float("nan")], [1.0, 2.0]]], "not finite"),
    ],
)
def test_arrays_that_are_no_images_are_refused(images: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        fit(images)


def test_arrays_are_not_resized() -> None:
    with pytest.raises(DataError, match=r"use dataset\.image_size=null"):
        fit(RANDOM.random((2, 6, 6)).tolist(), image_size=8)


def test_images_of_another_size_are_refused() -> None:
    inputs = fit(RANDOM.random((2, 6, 6)).tolist())
    with pytest.raises(DataError):
        encode(inputs, RANDOM.random((2, 7, 7)).tolist())
