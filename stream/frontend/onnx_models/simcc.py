"""SimCC: a point as two rows of scores, one over x and one over y, each finer than the pixels.

Source: open-mmlab/mmpose (``SimCCLabel``, ``get_simcc_maximum``), with the score that Tau-J/rtmlib gives.
"""

import numpy as np

from stream.records import Floats

SPLIT = 2.0  # bins a pixel


def decode(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Scores over x [K, SPLIT·W] and over y [K, SPLIT·H] → points [K, 2], pixels of the crop, and scores [K].

    The score is the mean of the two maxima; a point without a positive one is at (−1, −1).
    """
    points = np.stack((x.argmax(axis=1), y.argmax(axis=1)), axis=1).astype(np.float32) / np.float32(SPLIT)
    scores = np.asarray((x.max(axis=1) + y.max(axis=1)) / 2, np.float32)
    points[scores <= 0] = -1
    return points, scores
