import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.errors import UsageError
from training.evaluation.predictions import Prediction
from training.evaluation.voting import vote


def said(win, logit=0.0, id="1", **values):
    usual = {"subject": "s", "label": 1, "seconds": 10.0}
    return Prediction(id=id, win=win, logit=logit, **{**usual, **values})


def test_mean_of_logits_and_of_log_odds():
    (found,) = vote([said(0.9, 2.0, seconds=30.0), said(0.2, -1.0)])
    assert found.win == pytest.approx(1 / (1 + math.exp(-(math.log(9) + math.log(0.25)) / 2)))
    assert (found.logit, found.seconds, found.votes) == (0.5, 30.0, (2.0, -1.0))


def test_an_affine_calibration_and_the_vote_commute():
    def calibrated(z):
        return 1 / (1 + math.exp(-(1.7 * z + 0.4)))

    logits = [2.0, -1.0, 0.3]
    (found,) = vote([said(calibrated(z), z) for z in logits])
    assert found.win == pytest.approx(calibrated(found.logit))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_hard_vote_is_the_majority(wins):
    (found,) = vote([said(w) for w in wins], "hard")
    margin = sum((w > 0.5) - (w < 0.5) for w in wins)
    assert (found.win > 0.5) - (found.win < 0.5) == (margin > 0) - (margin < 0)
    assert 0 < found.win < 1
    assert found.logit == pytest.approx(math.log(found.win / (1 - found.win)))


def test_certainty_is_heard_by_the_mean_and_not_by_the_hands():
    voters = [said(0.999), said(0.4), said(0.4)]
    assert vote(voters)[0].win > 0.5
    assert vote(voters, "hard")[0].win < 0.5


def test_exactly_0_and_1_stay_finite_and_cancel():
    assert vote([said(0.0), said(1.0)])[0].win == 0.5
    assert 0.999 < vote([said(1.0)])[0].win <= 1


def test_videos_keep_their_order_and_stay_apart():
    found = vote([said(0.9, id="b"), said(0.1, id="a"), said(0.9, id="b")])
    assert [(p.id, len(p.votes)) for p in found] == [("b", 2), ("a", 1)]


def test_a_video_with_two_labels_is_refused():
    with pytest.raises(UsageError, match="one label and one subject"):
        vote([said(0.9), said(0.9, label=0)])
