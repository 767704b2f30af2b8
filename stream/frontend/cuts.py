"""Cut detection: does this picture continue the previous one?

Two thumbnails are compared in two ways. Structure: the correlation of their brightness, which is robust to a
camera flash or a change of exposure. Colour: the overlap of their colour histograms, which is robust to
motion. A cut is a large change of structure, or a moderate one together with a change of colours.
"""

import time

import numpy as np
from numpy.typing import NDArray

from stream.geometry import shrink, thin
from stream.records import Floats, Image

_SIZE = (32, 18)
_THINNED = (128, 72)  # averaging these pixels is enough and avoids reading all of them
_LOW = 0.35  # correlation below: another picture
_MIDDLE = 0.75  # correlation below, with other colours: another picture
_COLOURS = 0.45  # share of pixels that changed colour bin
_LUMA = np.array((0.299, 0.587, 0.114), np.float32)
_FLAT = 2.0  # standard deviation of brightness below which there is no structure (black, white, a title card)


class CutDetector:
    """Push pictures in order; returns True if a picture does not continue the previous one."""

    def __init__(self) -> None:
        self.warp_ms = 0.0  # of the last push: making the thumbnail
        self._luma: Floats | None = None  # [pixels], mean removed
        self._spread = 0.0  # its standard deviation
        self._colours: NDArray[np.intp] | None = None  # [64], pixels in each colour bin

    def reset(self) -> None:
        self._luma = self._colours = None

    def push(self, image: Image) -> bool:
        started = time.perf_counter()
        small = shrink(thin(image, _THINNED), _SIZE)
        self.warp_ms = 1e3 * (time.perf_counter() - started)
        luma = small.reshape(-1, 3) @ _LUMA
        luma -= luma.mean()
        bins = small >> 6
        colours = np.bincount((bins[..., 0] << 4 | bins[..., 1] << 2 | bins[..., 2]).ravel(), minlength=64)
        spread = float(np.sqrt(luma @ luma / luma.size))
        before, self._luma = self._luma, luma
        spread_before, self._spread = self._spread, spread
        colours_before, self._colours = self._colours, colours
        if before is None or colours_before is None:
            return False
        changed = float(np.abs(colours - colours_before).sum()) / (2 * luma.size)
        if min(spread, spread_before) < _FLAT:
            return max(spread, spread_before) > 4 * _FLAT
        correlation = float(luma @ before) / (luma.size * spread * spread_before)
        return correlation < _LOW or (correlation < _MIDDLE and changed > _COLOURS)
