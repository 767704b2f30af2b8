"""Portrait → image vector: crop on the fast lane, encode on the slow one.

Paper: the portrait at the encoder's square size, no aspect kept, ImageNet statistics, CLS token
(hidden-emotion paper, image features; facebookresearch/dinov2).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.contract import Bundle, ImageInput
from stream.engine import Engine
from stream.records import Floats, Image, Portrait


def crop_portrait(image: Image, portrait: Portrait, size: int) -> Image:
    """The portrait resized to uint8 [size, size, 3]; the box is clipped to the frame."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = portrait.box
    left, top = int(min(max(x0, 0), width - 1)), int(min(max(y0, 0), height - 1))
    right, bottom = max(left + 1, min(round(x1), width)), max(top + 1, min(round(y1), height))
    crop = image[top:bottom, left:right]
    shrinks = crop.shape[0] >= size and crop.shape[1] >= size
    resized = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, np.uint8)


def normalised(crop: Image, spec: ImageInput) -> NDArray[np.float32]:
    """uint8 [S, S, 3] → float32 [1, 3, S, S] with the manifest's mean and deviation."""
    mean = np.array(spec.mean, np.float32) * 255
    scale = 1 / (np.array(spec.std, np.float32) * 255)
    values = (crop.astype(np.float32) - mean) * scale
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


class ImageEncoder:
    """The bundle's image encoder."""

    def __init__(self, bundle: Bundle, spec: ImageInput, *, provider: str = "cpu", threads: int = 1) -> None:
        self.spec = spec
        self._engine = Engine(
            bundle.path(spec.encoder.file), spec.encoder, provider=provider, threads=threads
        )
        self._engine.warm_up()

    def __call__(self, crop: Image) -> Floats:
        """uint8 [S, S, 3] → float32 [dim]."""
        (feature,) = self._engine(portrait=normalised(crop, self.spec))
        return np.asarray(feature[0], np.float32)
