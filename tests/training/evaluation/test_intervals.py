import math

import msgspec
import numpy as np
import pytest
from scipy import stats

from stream.errors import UsageError
from training.evaluation.intervals import (
    Interval,
    bootstrap,
    mcnemar,
    over_seeds_and_subjects,
    paired_bootstrap,
    shown,
    wilson,
)
from training.evaluation.metrics import accuracy, auroc, balanced_accuracy
from training.evaluation.predictions import Prediction


def predictions(win, label, subject):
    return [
        Prediction(id=str(i), subject=str(s), label=int(y), win=float(w), logit=0.0, seconds=1.0)
        for i, (w, y, s) in enumerate(zip(win, label, subject, strict=True))
    ]


def answers(right, subject=None):
    """Videos of wins that are answered right or wrong."""
    right = np.asarray(right)
    return predictions(
        np.where(right, 0.9, 0.1), np.ones(len(right)), range(len(right)) if subject is None else subject
    )


def test_wilson_on_the_published_accuracy():
    found = wilson(72, 104)
    assert [round(100 * x, 1) for x in (found.low, found.value, found.high)] == [59.8, 69.2, 77.3]


@pytest.mark.parametrize(("k", "n"), [(0, 5), (5, 5), (1, 3), (72, 104)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_wilson_against_scipy(k, n, level):
    found, true = wilson(k, n, level), stats.binomtest(k, n).proportion_ci(level, method="wilson")
    assert (found.low, found.high) == pytest.approx((true.low, true.high), abs=1e-12)
    assert found.low <= found.value <= found.high


def test_wilson_of_nothing_and_of_nonsense():
    assert math.isnan(wilson(0, 0).value)
    with pytest.raises(UsageError, match="k = 4 and n = 3"):
        wilson(4, 3)


def test_bootstrap_of_single_videos_is_the_binomial():
    """With one video each, the resampled count of right answers is Binomial(n, k/n)."""
    found = bootstrap(answers([1] * 72 + [0] * 32), {"accuracy": accuracy}, resamples=4000)["accuracy"]
    true = stats.binom.ppf([0.025, 0.975], 104, 72 / 104) / 104
    assert found.value == 72 / 104
    assert (found.low, found.high) == pytest.approx(true, abs=1.5 / 104)
    assert found.redrawn == 0


def test_people_are_drawn_with_all_their_videos():
    """Ten people whose four videos are alike are worth ten videos, not forty."""
    right = np.repeat([1] * 6 + [0] * 4, 4)
    by_person = bootstrap(answers(right, np.repeat(range(10), 4)), {"a": accuracy})["a"]
    alone = bootstrap(answers([1] * 6 + [0] * 4), {"a": accuracy})["a"]
    by_video = bootstrap(answers(right), {"a": accuracy})["a"]
    assert (by_person.low, by_person.high) == (alone.low, alone.high)
    assert by_person.high - by_person.low > 1.7 * (by_video.high - by_video.low)


def test_seeded():
    sample = answers(np.arange(50) % 3 > 0)
    one, same, other = (bootstrap(sample, {"a": accuracy}, resamples=99, seed=s)["a"] for s in (1, 1, 2))
    assert one == same
    assert one != other


def test_coverage_is_near_what_is_stated():
    """People of differing ability, three videos each: 95 % intervals hold the truth about so often."""
    rng = np.random.default_rng(0)
    people, truth, trials = 40, 0.7, 300
    subject = np.repeat(range(people), 3)
    held = {"people": 0, "videos": 0}
    for trial in range(trials):
        ability = rng.beta(0.7 * 2, 0.3 * 2, people)
        sample = rng.random(3 * people) < ability[subject]
        for name, who in (("people", subject), ("videos", None)):
            i = bootstrap(answers(sample, who), {"a": accuracy}, resamples=200, seed=trial)["a"]
            held[name] += i.low <= truth <= i.high
    assert 0.91 <= held["people"] / trials <= 0.98
    assert held["videos"] / trials < 0.90  # forgetting who is who is overconfident


def test_undefined_resamples_are_drawn_again_and_counted():
    """With one loss among eight people, a draw misses it with probability (7/8)^8."""
    sample = predictions(np.linspace(0.1, 0.9, 8), [0] + [1] * 7, range(8))
    found = bootstrap(sample, {"auroc": auroc}, resamples=3000)["auroc"]
    missed = (7 / 8) ** 8
    assert found.redrawn / (found.redrawn + 3000) == pytest.approx(missed, abs=0.03)
    assert found == Interval(1.0, 1.0, 1.0, found.redrawn)


def test_no_bounds_without_a_figure_or_with_one_person():
    one_class = bootstrap(answers([1, 0, 1]), {"auroc": auroc})["auroc"]
    one_person = bootstrap(answers([1, 0, 1], [0, 0, 0]), {"a": accuracy})["a"]
    assert all(math.isnan(x) for x in (one_class.value, one_class.low, one_class.high))
    assert one_person.value == pytest.approx(2 / 3)
    assert math.isnan(one_person.low)


def test_a_figure_that_is_undefined_nearly_everywhere_has_no_bounds():
    def whole(win, label):
        return 1.0 if len(np.unique(win)) == len(win) else math.nan

    sample = predictions(np.linspace(0.1, 0.9, 30), np.ones(30), range(30))
    found = bootstrap(sample, {"whole": whole}, resamples=10)["whole"]
    assert (found.value, math.isnan(found.low), found.redrawn) == (1.0, True, 200)


@pytest.mark.parametrize("found", [Interval(0.5, 0.4, 0.6, 3), Interval(0.5, float("nan"), 0.7), Interval()])
def test_an_interval_survives_json(found):
    text = msgspec.json.encode(found)
    again = msgspec.json.decode(text, type=Interval)
    assert repr(again) == repr(found)
    assert b"null" not in text


def test_paired_difference_is_of_the_same_people():
    """a gets 5 of 100 videos right beside all of b's: resampled, the difference is Binomial(100, 0.05)."""
    a, b = answers([1] * 65 + [0] * 35), answers([1] * 60 + [0] * 40)
    found = paired_bootstrap(a, b[::-1], accuracy, resamples=4000)
    assert found.value == pytest.approx(0.05)
    assert (found.low, found.high) == pytest.approx(
        stats.binom.ppf([0.025, 0.975], 100, 0.05) / 100, abs=0.011
    )
    assert paired_bootstrap(b, a, accuracy, resamples=4000).high == pytest.approx(-found.low)
    same = paired_bootstrap(a, a, balanced_accuracy)
    assert math.isnan(same.value)  # only wins
    assert paired_bootstrap(a, a, accuracy) == Interval(0.0, 0.0, 0.0)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (5, 0), (8, 3), (10, 10)])
def test_mcnemar_sums_the_binomial(only_a, only_b):
    right = [(1, 1)] * 4 + [(1, 0)] * only_a + [(0, 1)] * only_b + [(0, 0)] * 3
    a, b = (answers([r[side] for r in right]) for side in (0, 1))
    found, n = mcnemar(a, b[::-1]), only_a + only_b
    p = min(1.0, 2 * sum(math.comb(n, k) for k in range(min(only_a, only_b) + 1)) / 2**n)
    assert (found.only_a, found.only_b) == (only_a, only_b)
    assert found.p == pytest.approx(p)


def test_seeds_on_the_same_people_share_their_draw():
    """Three equal seeds are worth no more than one."""
    sample = answers(np.arange(60) % 3 > 0)
    one = over_seeds_and_subjects([sample], accuracy)
    three = over_seeds_and_subjects([sample] * 3, accuracy)
    assert three.high - three.low == pytest.approx(one.high - one.low, abs=0.034)
    assert three.value == one.value == pytest.approx(2 / 3)


def test_seeds_with_people_of_their_own_add_to_each_other():
    right = np.arange(60) % 3 > 0
    own = [
        [msgspec.structs.replace(p, id=f"{s}/{p.id}", subject=f"{s}/{p.subject}") for p in answers(right)]
        for s in range(4)
    ]
    one, four = (over_seeds_and_subjects(own[:n], accuracy) for n in (1, 4))
    assert (one.high - one.low) / (four.high - four.low) == pytest.approx(2, abs=0.25)


def test_seeds_that_differ_widen_the_interval():
    seeds = [answers([1] * k + [0] * (200 - k)) for k in (80, 120, 160)]
    found = over_seeds_and_subjects(seeds, accuracy)
    alone = over_seeds_and_subjects(seeds[1:2], accuracy)
    assert found.value == pytest.approx(0.6)
    assert found.high - found.low > 1.5 * (alone.high - alone.low)


def test_seeds_cancel_between_paired_variants():
    """However much seeds differ, a variant that is one answer better in each has that difference."""
    a = [answers([1] * (k + 1) + [0] * (59 - k)) for k in (20, 30, 40)]
    b = [answers([1] * k + [0] * (60 - k)) for k in (20, 30, 40)]
    found = over_seeds_and_subjects(a, accuracy, against=b)
    assert found.value == pytest.approx(1 / 60)
    assert found.low == 0
    assert found.high < 4 / 60


def test_variants_must_match_seed_by_seed():
    sample = answers([1, 0])
    with pytest.raises(UsageError, match="found 2 and 1"):
        over_seeds_and_subjects([sample] * 2, accuracy, against=[sample])
    with pytest.raises(UsageError, match="found none"):
        over_seeds_and_subjects([], accuracy)


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (Interval(0.75, 0.6, 0.85), "0.750 [0.600, 0.850]"),
        (Interval(0.75), "0.750 [undefined: one person alone]"),
        (Interval(0.75, redrawn=7), "0.750 [undefined: hardly any draw of people has both classes]"),
        (Interval(), "undefined (a class is missing)"),
    ],
)
def test_what_is_undefined_says_why(figure, words):
    assert shown(figure) == words
