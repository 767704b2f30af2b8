"""Track 1 submissions: the challenge's header, order and classes."""

import numpy as np
import pytest

from stream.errors import UsageError
from training.gestures.evaluation import kaggle
from training.gestures.evaluation.predictions import ClipPredictions


def said():
    chances = np.eye(32)[[30, 31, 0]]
    return ClipPredictions(("0054_0", "0054_1", "0067_0"), ("a", "a", "b"), np.array([-1, -1, -1]), chances)


def test_a_submission_in_the_order_of_the_list(tmp_path):
    (tmp_path / "list.csv").write_text("Id,Target\n0067_0,0\n0054_1,0\n0054_0,0\n")
    order = kaggle.read_list(tmp_path / "list.csv")
    assert kaggle.write(tmp_path / "out" / "s.csv", said(), order) == 3
    assert (tmp_path / "out" / "s.csv").read_text() == "Id,Target\n0067_0,0\n0054_1,31\n0054_0,30\n"
    kaggle.write(tmp_path / "own.csv", said())
    assert (tmp_path / "own.csv").read_text().splitlines() == [
        "Id,Target",
        "0054_0,30",
        "0054_1,31",
        "0067_0,0",
    ]


def test_lists_that_are_none(tmp_path):
    path = tmp_path / "list.csv"
    with pytest.raises(UsageError, match="expected a CSV file with the column Id"):
        kaggle.read_list(path)
    path.write_text("clip\n1\n")
    with pytest.raises(UsageError, match="expected a CSV file with the column Id"):
        kaggle.read_list(path)
    for text in ("Id\n1_0\n1_0\n", "Id\n"):
        path.write_text(text)
        with pytest.raises(UsageError, match="expected every clip once"):
            kaggle.read_list(path)
    with pytest.raises(UsageError, match=r"found none for 1 \(9_9\); predict these videos too"):
        kaggle.write(path, said(), ["9_9", "0054_0"])
