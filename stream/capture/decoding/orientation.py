"""From the pixels that a codec stores to the picture that people see: display matrix and pixel aspect.

A display matrix is nine 32-bit integers in 16.16 fixed point (2.30 in its last column), as libav and ISO
14496-12 have it. Only its eight turns and mirrors are applied; a free rotation is left to nobody's eyes.
"""

import struct
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from stream.records import Image

IDENTITY = (1, 0, 0, 1)
ODDEST_ASPECT = 8  # pixel aspects beyond 1:8 or 8:1 are damaged headers


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a stored picture is turned; (a, b, c, d) map (x, y) to (a·x + c·y, b·x + d·y), each −1, 0 or 1."""

    signs: tuple[int, int, int, int] = IDENTITY

    @property
    def turned(self) -> bool:
        """Whether width and height change places."""
        return self.signs[0] == 0

    def apply(self, image: Image) -> Image:
        """The picture as it is meant to be seen; a view where that is enough."""
        a, b, c, d = self.signs
        if self.turned:
            image = image.transpose(1, 0, 2)
            a, d = c, b
        if a < 0:
            image = image[:, ::-1]
        if d < 0:
            image = image[::-1]
        return image


def of_matrix(raw: bytes) -> Orientation:
    """The nearest of the eight orientations; as stored for a matrix that is damaged or singular."""
    if len(raw) < 36:
        return Orientation()
    a, b, _, c, d, *_ = struct.unpack("<9i", raw[:36])
    straight, across = abs(a * d), abs(b * c)
    if straight == across:
        return Orientation()
    if straight > across:
        return Orientation((_sign(a), 0, 0, _sign(d)))
    return Orientation((0, _sign(b), _sign(c), 0))


def display_size(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """(width, height) with square pixels of a stored picture whose pixels have ``aspect`` (width : height).

    The height stays, as broadcasters count lines.
    """
    if aspect is None or aspect <= 0 or not Fraction(1, ODDEST_ASPECT) <= aspect <= ODDEST_ASPECT:
        return width, height
    return max(1, round(width * aspect)), height


def _sign(value: int) -> int:
    return int(np.sign(value))
