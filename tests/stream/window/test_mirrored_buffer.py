"""A mirrored buffer against a plain list."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream.window.mirrored_buffer import MirroredBuffer


@given(st.lists(st.integers(1, 9), min_size=1, max_size=60), st.integers(1, 12))
def test_ring_is_the_tail_of_a_list(steps: list[int], n: int) -> None:
    ring = MirroredBuffer(12, (), np.int64)
    line = [0] * 12
    tick = -1
    for step in steps:
        ring.clear(tick + 1, tick + step - 1)
        tick += step
        ring.put(tick, tick + 1)
        line += [0] * (step - 1) + [tick + 1]
        assert ring.view(tick, n).tolist() == line[-n:]
