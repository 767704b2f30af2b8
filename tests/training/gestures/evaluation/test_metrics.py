"""Figures against sums by hand and against scikit-like loops; intervals draw people."""

from dataclasses import replace

import numpy as np
import pytest

from stream.errors import UsageError
from training.gestures.evaluation import metrics
from training.gestures.evaluation.predictions import ClipPredictions

GROUPS = metrics.Frequency((0,), (1,), (2, 3))


def made(labels, said, subjects=None, confidence=0.6):
    chances = np.full((len(labels), 32), (1 - confidence) / 31)
    chances[np.arange(len(labels)), said] = confidence
    people = subjects or [f"s{i % 5}" for i in range(len(labels))]
    return ClipPredictions(
        tuple(f"v_{i}" for i in range(len(labels))), tuple(people), np.array(labels), chances
    )


def random(n=200, seed=0, right=0.6):
    rng = np.random.default_rng(seed)
    labels = rng.choice(4, n, p=[0.6, 0.2, 0.15, 0.05])
    said = np.where(rng.random(n) < right, labels, rng.integers(0, 5, n))
    return made(labels.tolist(), said)


def test_figures_by_hand():
    one = made([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2])
    found = {k: v.value for k, v in metrics.intervals([one], GROUPS, resamples=20).items()}
    assert found["top1"] == pytest.approx(4 / 6)
    assert found["macro_f1"] == pytest.approx((2 * 2 / 5 + 2 * 1 / 4 + 2 * 1 / 3) / 3)
    assert found["mean_recall"] == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert (found["head"], found["middle"], found["tail"]) == pytest.approx((2 / 3, 1 / 2, 1))
    assert found["top5"] == 1.0  # everything else is equally unlikely
    assert found["ece"] == pytest.approx(abs(4 / 6 - 0.6))


def test_a_class_without_a_test_clip_is_no_part_of_macro_f1():
    one = made([0, 0], [0, 3])
    found = metrics.intervals([one], GROUPS, resamples=20)
    assert found["macro_f1"].value == pytest.approx(2 / 3)
    assert np.isnan(found["middle"].value)


def test_top5_counts_ranks():
    chances = np.tile(np.linspace(0, 1, 32), (2, 1))
    one = ClipPredictions(
        ("a_0", "b_0"), ("a", "b"), np.array([27, 26]), chances / chances.sum(1, keepdims=True)
    )
    assert metrics.intervals([one], GROUPS, resamples=20)["top5"].value == 0.5


def test_intervals_draw_people_and_shrink_with_their_number():
    few = replace(random(400), subjects=tuple(f"s{i % 4}" for i in range(400)))
    many = replace(random(400), subjects=tuple(f"s{i}" for i in range(400)))
    wide = metrics.intervals([few], GROUPS, resamples=400)["top1"]
    narrow = metrics.intervals([many], GROUPS, resamples=400)["top1"]
    assert wide.value == narrow.value
    assert wide.low < wide.value < wide.high
    alone = replace(few, subjects=("s",) * 400)
    assert np.isnan(metrics.intervals([alone], GROUPS, resamples=50)["top1"].low)
    assert narrow.high - narrow.low == pytest.approx(
        4 * (narrow.value * (1 - narrow.value) / 400) ** 0.5, rel=0.3
    )


def test_differences_are_paired():
    a, b = random(300, right=0.7), random(300, right=0.7)
    same = metrics.intervals([a], GROUPS, against=[a], resamples=100)["macro_f1"]
    assert (same.value, same.low, same.high) == (0, 0, 0)
    worse = replace(b, chances=np.roll(b.chances, 1, axis=1))
    found = metrics.intervals([a, b], GROUPS, against=[worse, worse], resamples=100)["top1"]
    assert found.low > 0
    with pytest.raises(UsageError, match="expected two variants' predictions of the same clips"):
        metrics.intervals([a], GROUPS, against=[random(299)], resamples=10)


def test_frequency_groups():
    counts = np.zeros(32, np.int64)
    counts[:4] = 500, 499, 100, 99
    found = metrics.frequency(counts, 500, 100)
    assert found.head == (0,)
    assert found.middle == (1, 2)
    assert set(range(3, 32)) == set(found.tail)
