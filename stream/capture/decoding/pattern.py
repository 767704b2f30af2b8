"""The test picture: moving colour bars with the frame number written in blocks that a program can read."""

import math
import time
from collections.abc import Iterator
from functools import partial

import numpy as np

from stream.capture.picture import Picture, StreamInfo
from stream.records import Image

WIDTH, HEIGHT, RATE = 1280, 720, 25
BITS, BLOCK = 32, 16  # the number: 32 squares of 16 × 16 pixels in the upper left corner, lowest bit first
STEP = 4  # pixels the bars move per frame

_BARS = ((255, 255, 255), (255, 255, 0), (0, 255, 255), (0, 255, 0), (255, 0, 255), (255, 0, 0), (0, 0, 255))
_COLUMNS = np.arange(2 * WIDTH) * len(_BARS) // WIDTH % len(_BARS)
_WIDE = np.broadcast_to(np.array(_BARS, np.uint8)[_COLUMNS], (HEIGHT, 2 * WIDTH, 3))


INFO = StreamInfo(WIDTH, HEIGHT, float(RATE), "pattern", None)


def pictures(start_at_s: float = 0.0) -> Iterator[Picture]:
    """Endless pictures of 1280 × 720 at 25 a second; the i-th carries i."""
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    number = math.ceil(start_at_s * RATE - 1e-6)
    while True:
        render = partial(draw, number, image)
        yield Picture(number / RATE, time.monotonic(), (HEIGHT, WIDTH), False, render)
        number += 1


def draw(number: int, image: Image) -> Image:
    """Fills uint8 [720, 1280, 3] with the test picture of ``number`` and returns it."""
    shift = number * STEP % WIDTH
    np.copyto(image, _WIDE[:, shift : shift + WIDTH])
    bits = (number >> np.arange(BITS) & 1).astype(np.uint8) * 255
    image[:BLOCK, : BITS * BLOCK] = np.repeat(bits, BLOCK)[None, :, None]
    return image


def read_number(image: Image) -> int:
    """The frame number in a test picture uint8 [720, 1280, 3]."""
    middles = image[BLOCK // 2, BLOCK // 2 : BITS * BLOCK : BLOCK].mean(axis=-1) > 127
    return int(sum(1 << i for i, bit in enumerate(middles) if bit))
