"""A labeller against the truth: figures counted by hand, and what is reported."""

import json

import numpy as np
import pytest

from stream.describing.labellers.answer import Verdict
from stream.errors import UsageError
from training.corpus.labels import Label
from training.evaluation.metrics import calibration_error
from training.labelling import audit
from training.labelling.agreement import (
    Truth,
    kappa,
    predictions_of,
    recall_of_losses,
    recall_of_wins,
    report,
)
from training.labelling.labels import LABELS, Labels, Line, write

# 6 wins, 4 losses; the labeller is right on 4 wins and 3 losses.
LABEL = {f"v{i}": int(i < 6) for i in range(10)}
WIN = dict(zip(LABEL, (0.9, 0.8, 0.7, 0.6, 0.4, 0.2, 0.7, 0.3, 0.2, 0.1), strict=True))
TRUTH = Truth({id: Label(f"s{id}", label) for id, label in LABEL.items()})


def arrays(wins=WIN):
    return np.array(list(wins.values())), np.array([LABEL[id] for id in wins], float)


def test_kappa_by_hand():
    """Agreement 0.7; called win 5 of 10: by chance 0.5·0.6 + 0.5·0.4 = 0.5."""
    assert kappa(*arrays()) == pytest.approx((0.7 - 0.5) / (1 - 0.5))
    right = np.array(list(LABEL.values()), float)
    assert kappa(right, right) == 1
    assert kappa(np.ones(10), right) == 0
    assert kappa(np.full(10, 0.5), right) == pytest.approx(0)
    assert np.isnan(kappa(np.ones(3), np.ones(3)))


def test_by_class():
    assert recall_of_wins(*arrays()) == pytest.approx(4 / 6)
    assert recall_of_losses(*arrays()) == pytest.approx(3 / 4)
    assert np.isnan(recall_of_losses(np.ones(3), np.ones(3)))


def test_the_report(tmp_path):
    said = Labels(WIN | {"elsewhere": 0.5, "v9": 0.5})
    truth = Truth(TRUTH.of | {"unasked": Label("x", 1), "open": Label("y", None)}, simulated=True)
    text = report(said, said, truth, tmp_path, resamples=50)
    assert "simulated" in text
    assert "| labeller | 65.0 %" in text  # a tie counts half
    assert "always win" in text
    assert "as corrected" not in text
    assert (
        "10 videos compared, 1 of them undecided; 1 known results have no answer, 1 answers have no" in text
    )
    assert "Wins called win 4, loss 2; losses called win 1, loss 2." in text
    assert (tmp_path / "agreement.md").read_text() == text
    assert (tmp_path / "reliability.png").stat().st_size > 1000
    found = json.loads((tmp_path / "agreement.json").read_text())
    assert found["counts"]["loss_called_win"] == 1
    assert found["simulated"]
    figures = found["figures"]["labeller"]
    assert figures["accuracy"]["value"] == pytest.approx(0.65)
    assert figures["kappa"]["low"] <= figures["kappa"]["value"] <= figures["kappa"]["high"]
    assert figures["right among wins"]["value"] == pytest.approx(4 / 6)
    win = WIN | {"v9": 0.5}
    assert figures["calibration_error"]["value"] == pytest.approx(calibration_error(*arrays(win)))


def test_corrections_are_compared_on_the_same_videos(tmp_path):
    corrected = {**WIN, "v4": 1.0, "v5": 1.0}
    del corrected["v6"]
    text = report(Labels(WIN), Labels(corrected), TRUTH, tmp_path, resamples=50)
    assert "| labeller | 77.8 %" in text  # 7 of the 9 that both answer
    assert "| as corrected | 100.0 %" in text


def test_nothing_to_compare():
    with pytest.raises(
        UsageError, match="found none among 1 answers and 10 results; give the results of these"
    ):
        predictions_of(Labels({"elsewhere": 0.5}), TRUTH)


@pytest.fixture
def folder(tmp_path):
    out = tmp_path / "said"
    out.mkdir()
    write(out / LABELS, [Line(id, win, None) for id, win in WIN.items()])
    answers = {
        id: Verdict(confidence_win=100 * win, confidence_loss=100 - 100 * win) for id, win in WIN.items()
    }
    audit.write(out / audit.AUDIT, answers)
    rows = "".join(f"{id},s{id},{'win' if label else 'loss'}\n" for id, label in LABEL.items())
    (tmp_path / "truth.csv").write_text(f"id,subject,label\n{rows}")
    return out


def test_truth_from_a_corpus(store):
    truth = Truth.open(store.folder)
    assert truth.simulated
    assert {id: label.label for id, label in truth.of.items()} == {e.id: e.label for e in store.index.entries}
