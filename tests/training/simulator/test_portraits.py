"""Made-up people's portraits show what their points do."""

import numpy as np
import pytest
from msgspec import structs

from stream.bundle.manifest import Window
from training import config
from training.data.materials import from_simulator
from training.simulator.behaviour import DEMO
from training.simulator.portraits import performance_of, with_portraits
from training.simulator.recordings import simulate

pytestmark = pytest.mark.slow


def test_portraits_show_what_the_points_do():
    recording = simulate(DEMO, 1, 8.0, 21)
    acted = performance_of(DEMO, recording, 8.0, 21)
    # The same events: what nobody saw says nothing, the rest agrees to the last step.
    steps, seen = np.diff(acted.llr, prepend=np.float32(0)), recording.present
    assert np.allclose(np.cumsum(steps * seen), recording.llr, atol=1e-3)

    def encode(crops):
        assert crops.dtype == np.uint8
        assert crops.shape[1:] == (126, 126, 3)
        return crops.reshape(len(crops), -1)[:, ::5000].astype(np.float32)

    shown = with_portraits(recording, acted, Window(), 21, encode)
    assert shown.features.shape == (40, 10)
    assert np.array_equal(shown.feature_mask, recording.present[::5])
    assert np.ptp(shown.features[shown.feature_mask], axis=0).max() > 0


def test_held_out_people_have_faces_where_the_trained_ones_have():
    recipe = config.load("tiny")
    data = structs.replace(
        recipe.data, recordings=2, unlabelled=1, held_out=3, seconds=4.0, portraits=2, texts=4, easier=""
    )
    recipe = structs.replace(recipe, data=data)
    encode = lambda crops: np.ones((len(crops), recipe.model.image_features), np.float32)  # noqa: E731
    pools = from_simulator(recipe, encode=encode).pools
    assert [bool(p.feature_mask.any()) for p in pools.held_out] == [True, True, False]
    assert [bool(p.feature_mask.any()) for p in pools.labelled] == [True, True]
