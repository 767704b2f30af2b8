"""Regions of a frame, the crop of one and the way back.

A region is a rotated rectangle in frame pixels; a crop maps its corners to the corners of the output
(crop (0, 0) is the region's upper left corner, no half-pixel shift: the convention of MediaPipe's
``image_to_tensor_converter_opencv.cc``, which the networks' reference points depend on).
"""

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.records import Floats, Image

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels
Matrix = NDArray[np.float64]  # [2, 3]
Border = Literal["replicate", "zero"]

_BORDERS = {"replicate": cv2.BORDER_REPLICATE, "zero": cv2.BORDER_CONSTANT}


@dataclass(frozen=True, slots=True)
class Region:
    """A rotated rectangle in pixels of the frame; rotation in radians, clockwise as seen."""

    cx: float
    cy: float
    width: float
    height: float
    rotation: float = 0.0

    def scaled(self, factor: float, *, shift_y: float = 0.0) -> "Region":
        """The square on the longer side, grown by ``factor``, its centre moved by ``shift_y`` heights.

        The shift is along the region's own axis and measured before growing (MediaPipe's
        ``rect_transformation_calculator.cc`` with ``square_long``).
        """
        side = max(self.width, self.height) * factor
        along = self.height * shift_y
        return Region(
            self.cx - along * math.sin(self.rotation),
            self.cy + along * math.cos(self.rotation),
            side,
            side,
            self.rotation,
        )

    @property
    def box(self) -> Box:
        """The upright box around the region."""
        c, s = abs(math.cos(self.rotation)), abs(math.sin(self.rotation))
        half_w = (self.width * c + self.height * s) / 2
        half_h = (self.width * s + self.height * c) / 2
        return self.cx - half_w, self.cy - half_h, self.cx + half_w, self.cy + half_h


def affine(region: Region, size: tuple[int, int], *, mirrored: bool = False) -> Matrix:
    """The map from crop pixels (width, height = ``size``) to frame pixels; mirrored: crop x runs leftward."""
    c, s = math.cos(region.rotation), math.sin(region.rotation)
    a, b = region.width / size[0], region.height / size[1]
    if mirrored:
        a = -a
    half_w, half_h = size[0] / 2, size[1] / 2
    return np.array(
        (
            (a * c, -b * s, region.cx - a * c * half_w + b * s * half_h),
            (a * s, b * c, region.cy - a * s * half_w - b * c * half_h),
        )
    )


def inverse(matrix: Matrix) -> Matrix:
    """The affine map backwards. Raises ValueError if it flattens the plane."""
    (a, b, x), (c, d, y) = matrix.tolist()
    determinant = a * d - b * c
    if not determinant:
        raise ValueError("the affine map has no inverse: its region has no area")
    a, b, c, d = d / determinant, -b / determinant, -c / determinant, a / determinant
    return np.array(((a, b, -a * x - b * y), (c, d, -c * x - d * y)))


def apply(matrix: Matrix, points: Floats) -> Floats:
    """Points [..., 2] through an affine map; float32 out."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float32)


class Halves:
    """A picture and its halved copies, made when first asked for.

    Sampling a region much larger than the output without averaging picks single pixels: their noise, and any
    sub-pixel motion of texture, then moves the points that a network sees. Sampled from the copy whose pixels
    come nearest to the output's in size, body points of a still person jitter less than half as much.
    """

    def __init__(self, image: Image) -> None:
        self._levels = [image]

    def __call__(self, level: int) -> Image:
        while len(self._levels) <= level:
            image = self._levels[-1]
            height, width = image.shape[0] // 2, image.shape[1] // 2
            self._levels.append(shrink(image[: 2 * height, : 2 * width], (width, height)))
        return self._levels[level]

    def fitting(self, matrix: Matrix) -> tuple[Image, Matrix]:
        """The smallest copy that still has a pixel for each of the output's, and the map into it."""
        (a, b, _), (c, d, _) = matrix.tolist()
        level = max(0, math.floor(math.log2(max(abs(a * d - b * c), 1e-6)) / 2))
        smallest = min(self._levels[0].shape[:2])
        while level and smallest >> level < 2:
            level -= 1
        if not level:
            return self._levels[0], matrix
        scale = 2.0**-level
        fitted = matrix * scale
        fitted[:, 2] -= (1 - scale) / 2  # pixel 0 of the copy stands for pixels 0 .. 2^level − 1
        return self(level), fitted


class Sampler:
    """Cuts regions to one output size (width, height); owns its scratch memory, so one thread at a time.

    Bilinear, without averaging when shrinking (see `Halves` for that), at positions rounded to 1/32 pixel:
    the sampling of OpenCV 3 and 4 (``warpPerspective``), which MediaPipe uses and its networks are sensitive
    to. OpenCV 5's own warps do not round, which alone moves body points by up to several per cent; hence the
    maps made here.
    """

    def __init__(self, size: tuple[int, int], border: Border = "replicate") -> None:
        self.size = size
        self._border = _BORDERS[border]
        self._x = np.arange(size[0], dtype=np.float64)
        self._y = np.arange(size[1], dtype=np.float64)
        shape = size[1], size[0]
        self._map_x, self._map_y = np.empty(shape, np.float32), np.empty(shape, np.float32)
        self._cells = np.empty((*shape, 2), np.int16)
        self._shares = np.empty(shape, np.uint16)
        self._out = np.empty((*shape, 3), np.uint8)

    def __call__(self, image: Image, matrix: Matrix) -> Image:
        """The image where ``matrix`` takes each output pixel: uint8 [H, W, 3], good until the next call."""
        (a, b, x), (c, d, y) = matrix.tolist()
        np.add.outer(b * self._y + x, a * self._x, out=self._map_x, casting="same_kind")
        np.add.outer(d * self._y + y, c * self._x, out=self._map_y, casting="same_kind")
        cv2.convertMaps(self._map_x, self._map_y, cv2.CV_16SC2, self._cells, self._shares)
        sampled: Image = cv2.remap(
            image, self._cells, self._shares, cv2.INTER_LINEAR, dst=self._out, borderMode=self._border
        )
        return sampled

    def quick(self, image: Image, matrix: Matrix) -> Image:
        """The same without the rounding, in half the time: for frames that need not be the reference's."""
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        sampled: Image = cv2.warpAffine(
            image, matrix, self.size, dst=self._out, flags=flags, borderMode=self._border
        )
        return sampled


def crop(
    image: Image,
    region: Region,
    size: tuple[int, int],
    *,
    border: Border = "replicate",
    mirrored: bool = False,
) -> Image:
    """The region of the image, turned upright and scaled to (width, height): uint8 [H, W, 3]."""
    return Sampler(size, border)(image, affine(region, size, mirrored=mirrored))


def uncrop(points: Floats, region: Region, size: tuple[int, int], *, mirrored: bool = False) -> Floats:
    """Points [..., 2] in pixels of the crop → pixels of the frame."""
    return apply(affine(region, size, mirrored=mirrored), points)


def project(points: Floats, region: Region, size: tuple[int, int], *, mirrored: bool = False) -> Floats:
    """Points [..., 2] in pixels of the frame → pixels of the crop: the inverse of `uncrop`."""
    return apply(inverse(affine(region, size, mirrored=mirrored)), points)


def letterbox(width: int, height: int, aspect: float = 1.0) -> Region:
    """The smallest upright region with width/height = ``aspect`` that is centred on and holds a frame."""
    if width > height * aspect:
        return Region(width / 2, height / 2, width, width / aspect)
    return Region(width / 2, height / 2, height * aspect, height)


def normalise(points: Floats, box: Box) -> Floats:
    """Points [..., 2] in frame pixels → shares of the box: (0, 0) its upper left, (1, 1) its lower right.

    Raises ValueError for a box without area.
    """
    width, height = box[2] - box[0], box[3] - box[1]
    if width <= 0 or height <= 0:
        raise ValueError(f"the box {box} has no area")
    origin, scale = np.array(box[:2], np.float32), np.array((width, height), np.float32)
    return np.asarray((points - origin) / scale, np.float32)


def clip(box: Box, width: int, height: int) -> Box:
    """The part of a box that lies in a frame; its sides may coincide if there is none."""
    x0, y0 = min(max(box[0], 0.0), width), min(max(box[1], 0.0), height)
    return x0, y0, max(x0, min(box[2], width)), max(y0, min(box[3], height))


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0..1."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union


def thin(image: Image, size: tuple[int, int]) -> Image:
    """A small copy (width, height) made of single pixels: fast."""
    small: Image = cv2.resize(image, size, interpolation=cv2.INTER_NEAREST)
    return small


def shrink(image: Image, size: tuple[int, int]) -> Image:
    """A small copy (width, height) in which every pixel counts: for comparing pictures, not for networks."""
    small: Image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return small
