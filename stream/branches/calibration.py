"""From the fused logit to a calibrated confidence.

The map is affine, its slope and bias depend on the valid seconds seen and on which branches are present,
and the class prior is added at the end, so that it can be shifted without fitting again.
"""

import math
from collections.abc import Iterable

import numpy as np

from stream.bundle.manifest import Calibration, key_of


def calibrated(
    calibration: Calibration, logit: float, present: Iterable[str], valid_s: float, prior: float
) -> float:
    """Probability of win for a fused ``logit`` after ``valid_s`` valid seconds with these branches."""
    key = key_of(present)
    knots = np.log(calibration.knots_s)
    at = math.log(max(valid_s, 1e-3))
    slope = float(np.interp(at, knots, calibration.slope[key]))
    bias = float(np.interp(at, knots, calibration.bias[key]))
    return sigmoid(slope * logit + bias + math.log(prior / (1.0 - prior)))


def sigmoid(x: float) -> float:
    """Logistic function that neither overflows nor returns exactly 0 or 1 for finite input."""
    x = min(max(x, -30.0), 30.0)
    return 1.0 / (1.0 + math.exp(-x))
