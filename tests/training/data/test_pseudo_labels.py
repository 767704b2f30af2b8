"""A labeller errs as often, as evenly and as knowingly as it says; stage 2 obeys the recipe."""

import numpy as np
import pytest

from training.config import Weak
from training.data.prepared import Prepared
from training.data.pseudo_labels import apply, simulated_labels
from training.simulator.labeller import Labeller


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
    assert {p.name: (p.pseudo_label, p.weight) for p in chosen} == {
        name: (win, pytest.approx(weight)) for name, (win, weight) in expected.items()
    }
    assert all(p.pseudo_label is None and p.weight == 1.0 for p in POOL)


def test_hard_labels_are_the_side_with_the_larger_confidence():
    win = np.random.default_rng(0).random(200)
    pool = [person(str(i)) for i in range(200)]
    chosen = apply(pool, {str(i): float(v) for i, v in enumerate(win)}, Weak(labels="hard"))
    assert [p.pseudo_label for p in chosen] == [float(v > 1 - v) for v in win]


@pytest.mark.parametrize("labels", ["hard", "soft", "weighted", "confident"])
def test_a_tie_has_no_label(labels):
    chosen = apply(POOL[:1], {"sure win": 0.5}, Weak(labels=labels, confident=0.5))
    assert [p.pseudo_label for p in chosen] == ([0.5] if labels == "soft" else [])
