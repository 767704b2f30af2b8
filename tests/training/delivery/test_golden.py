"""Golden inputs are made-up people: repeatable, one of each class, with portraits only on demand."""

import numpy as np
import pytest

from training.data.simulated import sample_texts
from training.delivery.golden import CLIPS, HOLD, OTHERS, simulated_clips
from training.learning.checkpoint import Checkpoint, build
from training.model.text import train_tokenizer


@pytest.fixture(scope="module")
def checkpoint(tiny_recipe):
    """Untrained: nothing here depends on what was learnt."""
    tokenizer = train_tokenizer(sample_texts(tiny_recipe, 50), 200)
    return Checkpoint(
        tiny_recipe, build(tiny_recipe, tokenizer), tokenizer, {"branches": ["keypoints", "text"]}
    )


def test_the_same_people_each_time_with_their_own_text_and_others(checkpoint):
    clips, again = simulated_clips(checkpoint), simulated_clips(checkpoint)
    assert len(clips) == CLIPS
    for clip, other in zip(clips, again, strict=True):
        assert np.array_equal(clip.points, other.points)
        assert clip.points.shape == (150, 137, 2)
        assert len(clip.text.ids) == 1 + OTHERS
        assert clip.portraits.size == clip.features.size == 0
        assert not clip.feature_mask.any()
        assert clip.moments.max() <= 150
    assert not np.array_equal(clips[0].points, clips[1].points)


def test_features_are_of_the_portraits_that_go_along(checkpoint):
    def see(portraits):
        assert portraits.shape[1:] == (28, 28, 3)
        return portraits.reshape(len(portraits), -1)[:, ::600].astype(np.float32)

    for clip in simulated_clips(checkpoint, 28, see):
        shown = see(clip.portraits)
        for slot, feature in enumerate(clip.features):
            assert np.array_equal(feature, shown[slot // HOLD % len(shown)])
        absent = ~clip.valid[np.arange(len(clip.features)) * 5].any(1)
        assert not clip.feature_mask[absent].any()
        assert clip.feature_mask.any()
