"""The grid of training is the live side's."""

from stream.bundle.manifest import Window
from training.corpus.grid import RATE, SHORTEST, STRIDE


def test_it_is_the_live_window_s_and_a_second_is_long_enough():
    window = Window()
    assert (window.rate, window.stride) == (RATE, STRIDE)
    assert SHORTEST / RATE == 1
