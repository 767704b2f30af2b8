"""The neutral person is a mirror image of itself, and no two drawn people are alike."""

import numpy as np
import pytest

from stream.skeleton import FACE, HANDS, MIRROR
from training.simulator.person import TEMPLATE, random_person


def test_template_is_a_mirror_image_of_itself():
    assert TEMPLATE[list(MIRROR)] * (-1, 1) == pytest.approx(TEMPLATE, abs=1e-6)


def test_drawn_people_differ_and_repeat():
    one, again, other = (random_person(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.neutral, again.neutral)
    assert not np.array_equal(one.neutral, other.neutral)
    assert one.origin != other.origin


def test_hands_are_out_of_sight_until_they_rise_and_whoever_is_seen_is_in_the_frame():
    for seed in range(20):
        person = random_person(np.random.default_rng(seed))
        assert not person.seen[HANDS].any()
        pixels = person.neutral * person.scale + np.array(person.origin)
        width, height = person.size
        assert ((pixels >= 0) & (pixels < (width, height)))[person.seen].mean() > 0.99
        assert person.seen[FACE].all()
