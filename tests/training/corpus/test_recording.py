"""A recording's inputs are what the live window holds; evidence adds up."""

from dataclasses import replace

import numpy as np
import pytest

from stream.bundle.manifest import Window as WindowSpec
from stream.errors import UsageError
from stream.records import Portrait, Pose
from stream.window.window import Window
from training.corpus.recording import Recording, feature_slots, inputs
from training.simulator.behaviour import DEMO, STANDARD
from training.simulator.recordings import simulate

pytestmark = pytest.mark.slow


SPEC = WindowSpec(poses=300, features=60)


def test_evidence_is_a_difference_of_running_totals():
    r = simulate(DEMO, 0, 90.0, 7, parts=(("loss", 30.0), ("win", 60.0)))
    assert r.evidence(0, 750) < -5
    assert r.evidence(750, 2250) > 5
    assert r.evidence(0, 750) + r.evidence(750, 2250) == pytest.approx(r.evidence(0, 2250), abs=1e-3)


def _gappy(seed: int) -> Recording:
    r = simulate(STANDARD, seed % 2, 24.0, seed)
    present, segments = r.present.copy(), r.segments.copy()
    present[90:103] = False
    segments[200:] += 1
    valid = r.valid & present[:, None]
    points = np.where(valid[..., None], r.points, 0)
    return Recording(
        points, valid, r.boxes, present, segments, None, r.feature_mask, None, r.label, "x", r.llr, "test"
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_inputs_equal_the_live_window(seed):
    r = _gappy(seed)
    window = Window(SPEC)
    checked = 0
    for tick in range(r.ticks):
        portrait = Portrait(tuple(map(float, r.boxes[tick])), 1.0) if r.present[tick] else None
        pose = Pose(r.points[tick], r.valid[tick]) if r.present[tick] else None
        window.push(tick, portrait, pose, int(r.segments[tick]))
        if tick in (40, 250, 430, r.ticks - 1):
            start = max(0, tick + 1 - SPEC.poses)
            groups, masks = inputs(r, SPEC, start, tick + 1)
            view = window.read(tick)
            n = tick + 1 - start
            for name in groups:
                assert np.array_equal(masks[name], view.masks[name][-n:])
                np.testing.assert_allclose(groups[name], view.groups[name][-n:], atol=1e-6)
                checked += 1
    assert checked == 12


def test_features_are_cut_by_slot():
    r = simulate(STANDARD, 0, 10.0, 0)
    features, mask = feature_slots(r, SPEC, 3, 12)
    assert features.shape == (3, 0)
    assert not mask.any()


def test_nobody_knows_the_evidence_of_real_people():
    real = replace(simulate(STANDARD, 0, 2.0, 0), llr=None, subject="somebody")
    with pytest.raises(UsageError, match=r"somebody: expected a simulated person whose events are known"):
        real.evidence(0, 10)
