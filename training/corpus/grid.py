"""The grid that everything is trained on: the live side's, and what is too short to train on."""

from collections.abc import Callable

from stream.records import Floats, Image

RATE = 25.0  # ticks a second
STRIDE = 5  # ticks a feature slot
SHORTEST = 25  # ticks; a shorter video is kept and noted, and training skips it

Encode = Callable[[Image], Floats]  # portraits uint8 [N, S, S, 3] → image features float32 [N, D]
