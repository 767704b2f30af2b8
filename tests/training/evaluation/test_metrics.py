import numpy as np
import pytest

from training.evaluation.metrics import auroc, balanced_accuracy, calibration_error, log_loss

LABEL = np.array([1, 1, 1, 0], float)


def test_always_win_is_chance_whatever_the_balance():
    assert balanced_accuracy(np.full(4, 0.9), LABEL) == 0.5
    assert balanced_accuracy(np.full(4, 0.5), LABEL) == 0.5


def test_auroc_counts_pairs():
    win = np.array([0.9, 0.4, 0.6, 0.6])
    assert auroc(win, LABEL) == pytest.approx((1 + 0 + 0.5) / 3)


def test_log_loss_of_a_coin_is_ln_2():
    assert log_loss(np.full(4, 0.5), LABEL) == pytest.approx(np.log(2))


def test_calibration_error():
    assert calibration_error(np.full(4, 0.75), LABEL) == pytest.approx(0)
    assert calibration_error(np.full(4, 0.95), LABEL) == pytest.approx(0.2)
