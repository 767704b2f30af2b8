"""A labeller errs as often, as evenly and as knowingly as it says; stage 2 obeys the recipe."""

import numpy as np
import pytest

from stream.errors import UsageError
from training.config import Weak
from training.data.prepared import Prepared
from training.data.pseudo_labels import apply, simulated_labels
from training.simulator.labeller import CLASS_GAP, Labeller

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


def test_nobody_to_label():
    assert simulated_labels([], Labeller(0.8, "instance"), np.random.default_rng(0)) == {}


def person(name):
    return Prepared(*[None] * 7, recording=None, name=name)


POOL = [person(name) for name in ("sure win", "win", "loss", "sure loss", "unasked")]
SAID = {"sure win": 0.95, "win": 0.6, "loss": 0.4, "sure loss": 0.05, "elsewhere": 0.9}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("none", {}),
        ("hard", {"sure win": (1, 0.5), "win": (1, 0.5), "loss": (0, 0.5), "sure loss": (0, 0.5)}),
        ("soft", {"sure win": (0.95, 0.5), "win": (0.6, 0.5), "loss": (0.4, 0.5), "sure loss": (0.05, 0.5)}),
        ("weighted", {"sure win": (1, 0.45), "win": (1, 0.1), "loss": (0, 0.1), "sure loss": (0, 0.45)}),
        ("confident", {"sure win": (1, 0.5), "sure loss": (0, 0.5)}),
    ],
)
def test_what_stage_2_is_told(labels, expected):
    chosen = apply(POOL, SAID, Weak(labels=labels, weight=0.5, confident=0.8))
    assert {p.name: (p.said, p.weight) for p in chosen} == {
        name: (win, pytest.approx(weight)) for name, (win, weight) in expected.items()
    }
    assert all(p.said is None and p.weight == 1.0 for p in POOL)


def test_hard_labels_are_the_side_with_the_larger_confidence():
    win = np.random.default_rng(0).random(200)
    pool = [person(str(i)) for i in range(200)]
    chosen = apply(pool, {str(i): float(v) for i, v in enumerate(win)}, Weak(labels="hard"))
    assert [p.said for p in chosen] == [float(v > 1 - v) for v in win]


@pytest.mark.parametrize("labels", ["hard", "soft", "weighted", "confident"])
def test_a_tie_has_no_label(labels):
    chosen = apply(POOL[:1], {"sure win": 0.5}, Weak(labels=labels, confident=0.5))
    assert [p.said for p in chosen] == ([0.5] if labels == "soft" else [])
