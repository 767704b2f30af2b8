"""A labeller errs as often, as evenly and as knowingly as it says."""

import numpy as np
import pytest

from stream.errors import UsageError
from training.simulator.labeller import CLASS_GAP, Labeller, noise_of

MANY = 40_000


KINDS = ("even", "class", "instance")


@pytest.fixture(scope="module")
def drawn():
    """Labels of both classes alike, and how plainly each video speaks."""
    rng = np.random.default_rng(7)
    return np.arange(MANY) % 2, rng.gamma(1.5, 1.0, MANY)


def said(drawn, accuracy, noise):
    labels, ease = drawn
    return Labeller(accuracy, noise).confidences(labels, ease, np.random.default_rng(1))


def right(win, labels):
    return (win > 0.5) == labels


@pytest.mark.parametrize("noise", KINDS)
@pytest.mark.parametrize("accuracy", [0.5, 0.644, 0.8, 0.95, 1.0])
def test_it_is_right_as_often_as_it_should_be(drawn, accuracy, noise):
    found = right(said(drawn, accuracy, noise), drawn[0]).mean()
    error = np.sqrt(max(accuracy * (1 - accuracy), 1e-4) / MANY)
    assert abs(found - accuracy) < 4 * error + 0.0015  # perfect but for one in a thousand hard videos


@pytest.mark.parametrize("noise", KINDS)
def test_who_knows_nothing_guesses_both_ways(drawn, noise):
    assert (said(drawn, 0.5, noise) > 0.5).mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("noise", ["even", "instance"])
@pytest.mark.parametrize("accuracy", [0.6, 0.8, 0.95])
def test_confidences_are_calibrated(drawn, accuracy, noise):
    win = said(drawn, accuracy, noise)
    for part in np.array_split(np.argsort(win), 10):
        mean = win[part].mean()
        assert abs(drawn[0][part].mean() - mean) < 4 * np.sqrt(mean * (1 - mean) / len(part)) + 1e-3


def test_class_noise_falls_on_wins(drawn):
    labels = drawn[0]
    hit = right(said(drawn, 0.7, "class"), labels)
    gap = CLASS_GAP * 0.2
    assert hit[labels == 1].mean() == pytest.approx(0.7 - gap, abs=0.015)
    assert hit[labels == 0].mean() == pytest.approx(0.7 + gap, abs=0.015)


def test_instance_noise_falls_on_hard_videos(drawn):
    labels, ease = drawn
    hard = ease < np.median(ease)
    gaps = {}
    for noise in ("even", "instance"):
        hit = right(said(drawn, 0.75, noise), labels)
        gaps[noise] = hit[~hard].mean() - hit[hard].mean()
    assert gaps["instance"] > 0.15
    assert abs(gaps["even"]) < 0.02


def test_videos_without_any_evidence_are_hard_not_impossible():
    labels, ease = np.arange(4000) % 2, np.repeat([0.0, 1.0], [3000, 1000])
    hit = right(Labeller(0.8, "instance").confidences(labels, ease, np.random.default_rng(0)), labels)
    assert hit.mean() == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("accuracy", [0.4, 1.1, float("nan")])
def test_an_accuracy_that_nobody_has(accuracy):
    with pytest.raises(UsageError, match=r"expected a labeller's accuracy in 0\.5\.\.1, found"):
        Labeller(accuracy)


def test_a_kind_of_error_by_name():
    assert noise_of("class") == "class"
    with pytest.raises(
        UsageError, match="expected --noise even or class or instance, found loud; choose one"
    ):
        noise_of("loud")
