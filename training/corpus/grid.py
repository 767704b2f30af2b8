"""The grid of all training data, which is the live side's, and the shortest recording to train on."""

from collections.abc import Callable

from stream.records import Floats, Image

RATE = 25.0  # ticks per second
STRIDE = 5  # ticks per feature slot
SHORTEST = 25  # ticks; a shorter video is stored with a note, and training skips it

Encode = Callable[[Image], Floats]  # portraits uint8 [N, S, S, 3] → image features float32 [N, D]
