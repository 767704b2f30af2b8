import math

import pytest

from training.evaluation.anytime import curve
from training.evaluation.metrics import accuracy
from training.evaluation.predictions import Prediction


def said(id, seconds, win, label=1):
    return Prediction(id=id, subject=id, label=label, win=win, logit=0.0, seconds=seconds)


MOMENTS = [
    said("a", 5.0, 0.4), said("a", 10.0, 0.8), said("a", 20.0, 0.9),
    said("b", 10.0, 0.7, 0), said("b", 5.0, 0.3, 0),
    said("c", 20.0, 0.9),
]  # fmt: skip


def test_the_last_answer_stands_and_none_counts_half():
    found = curve(MOMENTS, accuracy, at=[1, 5, 10, 15, 20, 99], resamples=20)
    assert [p.at for p in found] == [1, 5, 10, 15, 20, 99]
    expected = [1.5, 0 + 1 + 0.5, 1 + 0 + 0.5, 1.5, 1 + 0 + 1, 2]
    assert [p.figure.value for p in found] == pytest.approx([right / 3 for right in expected])


def test_n_counts_the_videos_still_running():
    assert [p.n for p in curve(MOMENTS, accuracy, at=[1, 10, 15, 20, 99], resamples=20)] == [3, 3, 2, 2, 0]


def test_every_moment_that_occurs_is_a_point():
    found = curve(MOMENTS, accuracy, resamples=20)
    assert [p.at for p in found] == [5, 10, 20]
    assert all(p.figure.low <= p.figure.value <= p.figure.high for p in found)


def test_several_samplings_of_a_moment_vote():
    twice = [said("a", 5.0, 0.2), said("a", 5.0, 0.9), said("b", 5.0, 0.9)]
    (found,) = curve(twice, accuracy, resamples=20)
    assert found.figure.value == 1.0  # mean log-odds of 0.2 and 0.9 are for win


def test_one_person_has_no_bounds():
    (found,) = curve([said("a", 5.0, 0.9)], accuracy)
    assert (found.figure.value, math.isnan(found.figure.low)) == (1.0, True)
