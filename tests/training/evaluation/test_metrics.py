import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.metrics import (
    accuracy,
    auroc,
    balanced_accuracy,
    brier,
    calibration_error,
    f1,
    figures,
    log_loss,
    macro_f1,
)

LABEL = np.array([1, 1, 1, 0], float)
steps = st.integers(0, 20).map(lambda k: k / 20)  # few values, hence many ties
samples = st.lists(st.tuples(steps, st.sampled_from([0.0, 1.0])), min_size=1, max_size=40).map(
    lambda rows: (np.array([r[0] for r in rows]), np.array([r[1] for r in rows]))
)


def confusion(win, label):
    """True and false answers, counted one by one; an undecided one is half of each."""
    counts = dict.fromkeys(("tp", "fp", "tn", "fn"), 0.0)
    for w, y in zip(win, label, strict=True):
        share = 0.5 if w == 0.5 else float(w > 0.5)
        counts["tp" if y else "fp"] += share
        counts["fn" if y else "tn"] += 1 - share
    return counts


def over(a, b):
    return a / b if b else math.nan


@given(samples)
def test_figures_of_answers_follow_from_the_confusion_matrix(sample):
    c = confusion(*sample)
    of_win = over(2 * c["tp"], 2 * c["tp"] + c["fp"] + c["fn"])
    of_loss = over(2 * c["tn"], 2 * c["tn"] + c["fp"] + c["fn"])
    both = (over(c["tp"], c["tp"] + c["fn"]) + over(c["tn"], c["tn"] + c["fp"])) / 2
    assert accuracy(*sample) == pytest.approx((c["tp"] + c["tn"]) / len(sample[0]))
    assert balanced_accuracy(*sample) == pytest.approx(both, nan_ok=True)
    assert f1(*sample) == pytest.approx(of_win, nan_ok=True)
    assert macro_f1(*sample) == pytest.approx((of_win + of_loss) / 2, nan_ok=True)


@given(samples)
def test_auroc_counts_pairs(sample):
    win, label = sample
    pairs = [(a > b) + 0.5 * (a == b) for a, b in product(win[label == 1], win[label == 0])]
    assert auroc(*sample) == pytest.approx(np.mean(pairs) if pairs else math.nan, nan_ok=True)


@given(samples)
def test_auroc_asks_for_order_alone(sample):
    win, label = sample
    assert auroc(np.expm1(3 * win) ** 3, label) == pytest.approx(auroc(win, label), nan_ok=True)
    assert auroc(1 - win, 1 - label) == pytest.approx(auroc(win, label), nan_ok=True)
    assert auroc(-win, label) == pytest.approx(1 - auroc(win, label), nan_ok=True)


@given(samples, st.randoms())
def test_no_figure_depends_on_the_order_of_videos(sample, random):
    order = list(range(len(sample[0])))
    random.shuffle(order)
    assert figures(sample[0][order], sample[1][order]) == pytest.approx(figures(*sample), nan_ok=True)


@given(samples, st.sampled_from([False, True]))
def test_calibration_error_by_hand(sample, equal_mass):
    win, label = sample
    edges = np.quantile(win, np.arange(1, 10) / 10) if equal_mass else [k / 10 for k in range(1, 10)]
    expected = 0.0
    for b in range(10):
        inside = [sum(w >= e for e in edges) == b for w in win]
        if any(inside):
            expected += np.mean(inside) * abs(win[inside].mean() - label[inside].mean())
    assert calibration_error(win, label, equal_mass=equal_mass) == pytest.approx(expected)


def test_always_win_is_chance_whatever_the_balance():
    assert balanced_accuracy(np.full(4, 0.9), LABEL) == 0.5
    assert balanced_accuracy(np.full(4, 0.5), LABEL) == 0.5


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_alone_leaves_nan_and_no_warning(label):
    found = figures(np.array([0.2, 0.9]), np.full(2, label))
    undefined = {name for name, value in found.items() if math.isnan(value)}
    assert undefined == {"balanced_accuracy", "auroc"}


def test_no_video_at_all_is_nan():
    assert all(math.isnan(value) for value in figures(np.empty(0), np.empty(0)).values())


def test_log_loss_and_brier_of_a_coin():
    assert log_loss(np.full(4, 0.5), LABEL) == pytest.approx(np.log(2))
    assert brier(np.full(4, 0.5), LABEL) == 0.25
    assert brier(np.array([1.0, 1, 1, 1]), LABEL) == 0.25


def test_calibration_error():
    assert calibration_error(np.full(4, 0.75), LABEL) == pytest.approx(0)
    assert calibration_error(np.full(4, 0.95), LABEL) == pytest.approx(0.2)


def test_equal_bins_see_what_wide_ones_average_away():
    win = np.array([0.91, 0.92, 0.98, 0.99])
    label = np.array([1.0, 1.0, 0.9, 0.9])
    assert calibration_error(win, label) == pytest.approx(0.0)
    assert calibration_error(win, label, bins=2, equal_mass=True) == pytest.approx(0.085)
