"""The committed measurement of the keypoint chain's noise."""

import numpy as np

from training.simulator.noise import load


def test_the_committed_measurement_reads_and_is_plausible():
    noise = load()
    assert noise.face.modes.shape[1:] == (70, 2)
    assert noise.face.std.shape == noise.face.own.shape[:1] == (70,)
    assert 0.001 < noise.face.std.mean() < noise.body.std < noise.hands.std < 1
    for part in (noise.body, noise.hands):
        assert 0 <= part.common <= 1
        assert 0 <= part.correlation < 1
    assert "embedded chain" in noise.source


def test_a_point_s_deviation_is_of_the_modes_and_its_own_rest_together():
    face = load().face
    drawn = np.random.default_rng(0).standard_normal((20_000, len(face.modes) + 1)).astype(np.float32)
    rest = np.random.default_rng(1).standard_normal((20_000, 70, 2)).astype(np.float32)
    jitter = np.tensordot(drawn[:, :-1], face.modes, 1) + rest * face.own
    assert np.allclose(np.sqrt((jitter**2).mean((0, 2))), face.std, rtol=0.05)
