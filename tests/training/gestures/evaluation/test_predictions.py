"""Predictions of clips: known ones, their file, who always answers the same."""

import numpy as np
import pytest

from stream.errors import UsageError
from training.gestures.evaluation import metrics, predictions
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


def test_unknown_classes_are_not_judged():
    one = made([0, -1, 0], [0, 0, 0])
    assert metrics.intervals([one], GROUPS, resamples=20)["top1"].value == 1.0
    assert len(one.known().ids) == 2


def test_predictions_come_back_from_their_file(tmp_path):
    one = random(20)
    predictions.write(tmp_path / "p" / "1-joints.safetensors", one)
    found = predictions.read(tmp_path / "p" / "1-joints.safetensors")
    assert (found.ids, found.subjects) == (one.ids, one.subjects)
    np.testing.assert_array_equal(found.chances, one.chances)
    with pytest.raises(UsageError, match="expected predictions of clips, found none"):
        predictions.read(tmp_path / "none.safetensors")


def test_who_always_answers_the_same():
    found = predictions.always(random(10), 31)
    assert (found.chances.argmax(1) == 31).all()
    np.testing.assert_allclose(found.chances.sum(1), 1)
