"""Converts the fused logit to a calibrated confidence.

The map is affine; its slope and bias depend on the valid seconds seen and on the present branches. The class
prior is added at the end, so that it can be changed without refitting.
"""

import math
from collections.abc import Iterable

import numpy as np

from stream.bundle.manifest import Calibration, key_of

CERTAIN = 30.0  # logits are clipped at this


def calibrated_logit(
    calibration: Calibration, logit: float, present: Iterable[str], valid_s: float, prior: float
) -> float:
    """Log-odds of win for a fused ``logit`` after ``valid_s`` valid seconds with these branches.

    Before the first knot the map shrinks towards the prior, in proportion to the seconds seen; after the last
    one it is constant. If the calibration found no evidence (slope 0), this is the prior's logit.
    """
    slope, bias = _map(calibration, present, valid_s)
    return slope * logit + bias + prior_logit(prior)


def calibrated(
    calibration: Calibration, logit: float, present: Iterable[str], valid_s: float, prior: float
) -> float:
    """The same as a probability of win."""
    return sigmoid(calibrated_logit(calibration, logit, present, valid_s, prior))


def informative(calibration: Calibration, branch: str, valid_s: float) -> bool:
    """Whether a branch alone has any evidence after ``valid_s`` valid seconds.

    A branch with a flat map would still move the fused logit, without evidence, so it counts as absent. A
    branch that the bundle does not calibrate alone always counts.
    """
    return branch not in calibration.slope or _map(calibration, (branch,), max(valid_s, 1e-3))[0] > 0


def prior_logit(prior: float) -> float:
    """Log-odds of the prior probability of win."""
    return math.log(prior / (1.0 - prior))


def sigmoid(x: float) -> float:
    """Logistic function that neither overflows nor returns exactly 0 or 1 for finite input."""
    x = min(max(x, -CERTAIN), CERTAIN)
    return 1.0 / (1.0 + math.exp(-x))


def _map(calibration: Calibration, present: Iterable[str], valid_s: float) -> tuple[float, float]:
    """Slope and bias, interpolated in the logarithm of the seconds."""
    key = key_of(present)
    first = calibration.knots_s[0]
    at, knots = math.log(max(valid_s, first)), np.log(calibration.knots_s)
    shrunk = min(1.0, max(valid_s, 0.0) / first)
    slope = float(np.interp(at, knots, calibration.slope[key]))
    bias = float(np.interp(at, knots, calibration.bias[key]))
    return shrunk * slope, shrunk * bias
