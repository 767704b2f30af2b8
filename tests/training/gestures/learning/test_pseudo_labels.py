"""Cross-modal pseudo-labels: no branch teaches itself, rare classes are not starved, caps and agreement
hold."""

import numpy as np
import pytest

from training.gestures.learning import pseudo_labels as cmpl
from training.gestures.recipe import PseudoLabels

NAMES = ("coordinates", "joints", "swin3d", "r2plus1d")
SETTINGS = PseudoLabels(share_cap=1e9, class_cap=1e9)
COUNTS = np.full(32, 100)


def sure(labels, confidence=0.96):
    p = np.full((len(labels), 32), (1 - confidence) / 31)
    p[np.arange(len(labels)), labels] = confidence
    return p


def drawn(n=300, seed=0, sharp=4.0):
    rng = np.random.default_rng(seed)
    z = sharp * rng.standard_normal((n, 32))
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


def test_nobody_teaches_itself():
    """Whatever a branch says changes nothing of what it is taught."""
    said = {name: drawn(seed=i) for i, name in enumerate(NAMES)}
    for name in NAMES:
        assert cmpl.teachers(NAMES, name, SETTINGS) == [other for other in NAMES if other != name]
        first, _ = cmpl.accept(said, name, COUNTS, SETTINGS)
        again, _ = cmpl.accept({**said, name: drawn(seed=99)}, name, COUNTS, SETTINGS)
        np.testing.assert_array_equal(first.rows, again.rows)
        np.testing.assert_array_equal(first.labels, again.labels)
    own = PseudoLabels(teachers="self")
    assert cmpl.teachers(NAMES, "joints", own) == ["joints"]


def test_all_but_one_teacher_must_agree():
    a, b = sure([3, 3, 3, 3]), sure([3, 3, 3, 3])
    c, d = sure([3, 3, 5, 5]), sure([3, 5, 3, 5])
    said = {"coordinates": a, "joints": c, "swin3d": d, "r2plus1d": b}
    best, _, agreed = cmpl.consensus([said[n] for n in ("joints", "swin3d", "r2plus1d")])
    assert best[:3].tolist() == [3, 3, 3]
    assert agreed.tolist() == [True, True, True, True]
    _, _, both = cmpl.consensus([c, d])
    assert both.tolist() == [True, False, False, True]
    _, _, alone = cmpl.consensus([a])
    assert alone.all()


def test_thresholds_are_lowered_for_unsure_classes_but_not_below_the_floor():
    best = np.array([0] * 50 + [1] * 50 + [2] * 50)
    confidence = np.concatenate([np.full(50, 0.99), np.linspace(0.5, 0.8, 50), np.full(50, 0.3)])
    found = cmpl.thresholds(best, confidence, SETTINGS)
    assert found[0] == 0.9
    assert found[1] == pytest.approx(0.74, abs=0.01)
    assert found[2] == 0.5
    assert found[3] == 0.9


def test_a_class_gains_no_more_than_it_has_and_the_surest_come_first():
    labels = np.array([4] * 30 + [6] * 10)
    confidence = np.linspace(0.91, 0.99, 40)
    p = np.concatenate([sure([k], c) for k, c in zip(labels, confidence, strict=True)])
    counts = np.zeros(32, np.int64)
    counts[[4, 6]] = 5, 100
    found, _ = cmpl.accept(
        dict.fromkeys(NAMES, p), "joints", counts, PseudoLabels(class_cap=1.0, share_cap=1.0)
    )
    assert (found.labels == 4).sum() <= 5
    assert found.rows[found.labels == 4].min() >= 25 - 1
    few, _ = cmpl.accept(
        dict.fromkeys(NAMES, p), "joints", counts, PseudoLabels(class_cap=1.0, share_cap=0.05)
    )
    assert len(few.rows) == 5


def test_class_31_gains_as_much_as_the_largest_other_class():
    counts = np.zeros(32, np.int64)
    counts[[31, 3, 4]] = 1000, 80, 20
    found = cmpl.caps(counts, PseudoLabels())
    assert (found[31], found[3], found[4], found[0]) == (80, 80, 20, 0)


def test_a_class_without_a_labelled_clip_gains_none():
    counts = np.zeros(32, np.int64)
    counts[3] = 100
    found, _ = cmpl.accept(dict.fromkeys(NAMES, sure([5, 3, 5])), "joints", counts, PseudoLabels())
    assert found.labels.tolist() == [3]


def test_thresholds_of_the_pool_judge_the_validation_clips_without_caps():
    p = sure([4] * 50)
    none = np.zeros(32, np.int64)
    found, tau = cmpl.accept(dict.fromkeys(NAMES, p), "joints", none, PseudoLabels())
    assert not len(found.rows)
    judged, same = cmpl.accept(dict.fromkeys(NAMES, p), "joints", none, PseudoLabels(), tau)
    assert len(judged.rows) == 50
    np.testing.assert_array_equal(tau, same)


def test_quality_is_measured_where_the_truth_is_known():
    found = cmpl.Accepted(np.array([0, 1, 2, 3]), np.array([5, 5, 7, 7]), np.full(4, 0.9))
    said = cmpl.quality("joints", found, np.array([5, 6, 7, -1, 3]))
    assert (said.pool, said.accepted, said.coverage) == (5, 4, 0.8)
    assert said.precision == pytest.approx(2 / 3)
    assert said.by_class == {5: (2, 0.5), 7: (2, 1.0)}
    assert cmpl.quality("joints", found, np.full(5, -1)).precision is None


def test_corrupted_labels_are_other_accepted_classes():
    found = cmpl.Accepted(np.arange(1000), np.arange(1000) % 4, np.full(1000, 0.9))
    wrong = cmpl.corrupted(found, PseudoLabels(corrupt=0.3), 0)
    assert (wrong.labels != found.labels).mean() == pytest.approx(0.3, abs=0.05)
    assert set(wrong.labels.tolist()) <= {0, 1, 2, 3}
    assert cmpl.corrupted(found, PseudoLabels(), 0) is found
