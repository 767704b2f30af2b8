"""Classes as data: enough of them, imbalanced as asked, and told apart by their latents alone."""

import numpy as np
import pytest

from stream.errors import UsageError
from training.gestures.simulator.catalogue import BY_LABEL, KINDS, LATENTS, ORDER, chosen, prior


def test_every_class_has_the_latents_of_its_family():
    assert len(KINDS) >= 16
    assert set(ORDER) == set(BY_LABEL)
    assert len(ORDER) == len(KINDS) == 26
    for kind in KINDS:
        assert len(kind.mean) == len(kind.std) == len(LATENTS[kind.family])
        assert min(kind.std) > 0


@pytest.mark.parametrize("count", [2, 8, 16, 26])
def test_shares_sum_to_one_and_are_as_imbalanced_as_asked(count):
    found = prior(chosen(count), 150.0)
    assert found.sum() == pytest.approx(1)
    if count > 2:
        assert found[0] == pytest.approx(0.31, abs=1e-6)
        assert found.max() / found.min() >= 100
        assert (np.diff(found[1:]) < 0).all()
        assert found[0] / found[-1] == pytest.approx(150, rel=1e-3)


def test_a_number_of_classes_that_there_is_not():
    for count in (1, 27):
        with pytest.raises(UsageError, match="expected 2 to 26 made-up classes"):
            chosen(count)
