"""Batch k depends on (seed, phase, k) alone, and an epoch has every clip once."""

import numpy as np

from training.gestures.data.batches import generator, members


def test_an_epoch_has_every_clip_once():
    places = np.arange(100, 110)
    drawn = np.concatenate([members(places, 4, 7, "joints", k) for k in range(5)])
    assert sorted(drawn[:10].tolist()) == places.tolist()
    assert sorted(drawn[10:].tolist()) == places.tolist()
    assert drawn[:10].tolist() != drawn[10:].tolist()


def test_a_batch_depends_on_seed_phase_and_step():
    places = np.arange(50)
    one = members(places, 8, 7, "joints", 3)
    np.testing.assert_array_equal(one, members(places, 8, 7, "joints", 3))
    for other in ((8, "joints", 3), (7, "limbs", 3), (7, "joints", 4)):
        assert one.tolist() != members(places, 8, *other).tolist()
    assert generator(1, "a", 0).random() == generator(1, "a", 0).random()


def test_a_batch_larger_than_an_epoch():
    assert sorted(members(np.arange(3), 6, 0, "a", 0).tolist()) == [0, 0, 1, 1, 2, 2]
