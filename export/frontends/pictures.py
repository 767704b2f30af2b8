"""Test images for a front-end network: golden inputs, and inputs for the parity check of its graph.

Golden inputs are a frame of the built-in clip, which shows a simulated person, and patches of colour, which
compress well.
"""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.bundle.model_card import Preprocessing
from stream.capture.capture import Capture
from stream.capture.source import Source
from stream.errors import SourceError
from stream.frontend.onnx_models.yolo import letterboxed
from stream.records import Image

PATCH = 32  # pixels


def pictures(before: Preprocessing) -> Image:
    """Two golden images of the input's size, uint8 [2, H, W, 3]."""
    size = before.width, before.height
    frame = _frame()
    fitted = letterboxed(frame, size)[0] if before.resize == "letterbox" else _centre_crop(frame, size)
    rng = np.random.default_rng(11)
    coarse = rng.integers(0, 256, (-(-size[1] // PATCH), -(-size[0] // PATCH), 3)).astype(np.uint8)
    plain = coarse.repeat(PATCH, axis=0).repeat(PATCH, axis=1)[: size[1], : size[0]]
    return np.stack((fitted, plain))


def patches(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Patches of colour under noise, in 0..1, so that the image has edges."""
    coarse = rng.random((*shape[:2], shape[2] // 32, shape[3] // 32))
    smooth = coarse.repeat(32, axis=2).repeat(32, axis=3)
    return (0.8 * smooth + 0.2 * rng.random(shape)).astype(np.float32)


@cache
def _frame() -> Image:
    with Capture(Source.parse("demo"), pace="fast") as capture:
        capture.open()
        for frame in capture.frames():
            return frame.image.copy()
    raise SourceError("demo: expected a frame of the built-in clip, found none; install undertone again.")


def _centre_crop(image: Image, size: tuple[int, int]) -> Image:
    """The largest centred crop with the aspect of ``size`` (width, height), resized to it."""
    height, width = image.shape[:2]
    scale = min(width / size[0], height / size[1])
    wide, high = round(size[0] * scale), round(size[1] * scale)
    left, top = (width - wide) // 2, (height - high) // 2
    part = image[top : top + high, left : left + wide]
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
