"""Made-up people for training: half of each class, subjects apart, and texts without any point."""

import numpy as np

from training.config import Data
from training.data.simulated import HELD_OUT, UNLABELLED, described, sample_texts, simulated

DATA = Data(profile="demo", seconds=6.0, mixed=0.5, texts=6)


def test_half_of_each_class_and_nobody_twice():
    people = [*simulated(DATA, "demo", 6, HELD_OUT), *simulated(DATA, "demo", 6, UNLABELLED)]
    assert [p.label for p in people] == [0, 1] * 6
    assert len({p.subject for p in people}) == 12
    assert {p.mixed for p in people} == {False, True}


def test_who_changes_on_the_way_ends_as_labelled():
    changing = [p for p in simulated(DATA, "demo", 20, HELD_OUT) if p.mixed]
    late = [p.evidence(p.ticks * 3 // 4, p.ticks) for p in changing]
    signs = np.array([1 if p.label else -1 for p in changing])
    assert (np.array(late) * signs).mean() > 0


def test_described_people_have_a_text_and_evidence_but_no_points(tiny_recipe):
    found = list(described(DATA, "demo", 0))
    assert [p.label for p in found] == [0, 1, 0, 1, 0, 1]
    for person in found:
        assert person.text
        assert person.points.shape[0] == 0
        assert person.ticks == len(person.llr) == 150
        assert not person.present.any()
    texts = sample_texts(tiny_recipe, count=5)
    assert len(texts) == 5
    assert texts == sample_texts(tiny_recipe, count=5)
