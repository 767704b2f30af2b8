"""SimCC decoding against a loop over the definition."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream.frontend.onnx_models import simcc


def reference(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float, float]]:
    found = []
    for row_x, row_y in zip(x.tolist(), y.tolist(), strict=True):
        score = (max(row_x) + max(row_y)) / 2
        place = (row_x.index(max(row_x)) / 2, row_y.index(max(row_y)) / 2) if score > 0 else (-1.0, -1.0)
        found.append((*place, score))
    return found


@given(
    seed=st.integers(0, 2**16),
    size=st.sampled_from([(192, 256), (288, 384), (8, 6)]),
    shift=st.sampled_from([-6.0, -2.0, 0.0]),
)
def test_random_scores(seed: int, size: tuple[int, int], shift: float) -> None:
    rng = np.random.default_rng(seed)
    x, y = (rng.normal(shift, 1, (133, 2 * side)).astype(np.float32) for side in size)
    points, scores = simcc.decode(x, y)
    expected = np.array(reference(x, y))
    np.testing.assert_array_equal(points, expected[:, :2])
    np.testing.assert_allclose(scores, expected[:, 2], rtol=1e-6)
    assert points.dtype == scores.dtype == np.float32


def test_a_peak_is_found_at_half_pixels_and_nothing_is_nowhere() -> None:
    x, y = np.zeros((2, 384), np.float32), np.zeros((2, 512), np.float32)
    x[0, 101], y[0, 7] = 0.8, 0.4
    points, scores = simcc.decode(x, y)
    assert points.tolist() == [[50.5, 3.5], [-1.0, -1.0]]
    np.testing.assert_allclose(scores, [0.6, 0.0])
