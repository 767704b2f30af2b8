"""Made-up behaviour: bursts, exact likelihood ratios and the ceiling that follows from the rates."""

import numpy as np
import pytest

from training.simulator.actions import COLUMN
from training.simulator.behaviour import (
    BURST_S,
    DEMO,
    LOSS,
    PROFILES,
    STANDARD,
    WIN,
    Event,
    bayes_ceiling,
    envelope,
    llr_steps,
    log_likelihood_ratio,
    parts_schedule,
    schedule,
)
from training.simulator.descriptions import describe


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda p: p.name)
def test_bursts_are_brief_and_named(profile):
    events = schedule(profile, WIN, 120.0, np.random.default_rng(0))
    told = {r.action for r in profile.rates}
    assert all(e.duration < 0.5 for e in events)
    assert all(BURST_S[0] <= e.duration <= BURST_S[1] for e in events if e.action in told)
    assert all(e.action in COLUMN and 0 <= e.peak < 120 and abs(e.strength) <= 1 for e in events)


@pytest.mark.parametrize(("label", "name"), [(WIN, "win"), (LOSS, "loss")])
def test_rates_are_as_declared(label, name):
    seconds = 60.0 * 400
    events = schedule(STANDARD, label, seconds, np.random.default_rng(1))
    for r in (*STANDARD.rates, *STANDARD.distractors):
        count = sum(e.action == r.action for e in events)
        expected = getattr(r, name) * 400
        assert abs(count - expected) < 5 * np.sqrt(expected)


def test_win_and_loss_evidence_are_mirror_images():
    for profile in PROFILES.values():
        assert sum(r.win for r in profile.rates) == pytest.approx(sum(r.loss for r in profile.rates))
        assert sorted(r.win / r.loss for r in profile.rates) == pytest.approx(
            sorted(r.loss / r.win for r in profile.rates)
        )


def test_likelihood_ratio_of_a_window_is_a_difference_of_totals():
    events = schedule(STANDARD, WIN, 30.0, np.random.default_rng(2))
    total = np.cumsum(llr_steps(STANDARD, events, 750, 25.0))
    whole = log_likelihood_ratio(STANDARD, events, 0, 30)
    assert total[-1] == pytest.approx(whole)
    part = log_likelihood_ratio(STANDARD, events, 8, 20)
    assert total[499] - total[199] == pytest.approx(part)
    one = [Event("nod", 3.0, 0.4, 1.0)]
    nod = next(r for r in STANDARD.rates if r.action == "nod")
    assert log_likelihood_ratio(STANDARD, one, 0, 10) == pytest.approx(np.log(nod.win / nod.loss))


def test_ceiling_agrees_with_drawn_events_and_lies_where_it_should():
    ceiling = bayes_ceiling(STANDARD, STANDARD.window_s, 20000, np.random.default_rng(3))
    assert 0.80 <= ceiling <= 0.90
    rng = np.random.default_rng(4)
    right = 0.0
    for i in range(1200):
        label = i % 2
        events = schedule(STANDARD, label, STANDARD.window_s, rng)
        value = log_likelihood_ratio(STANDARD, events, 0, STANDARD.window_s)
        right += 0.5 if abs(value) < 1e-9 else (value > 0) == (label == WIN)
    assert right / 1200 == pytest.approx(ceiling, abs=0.04)
    assert bayes_ceiling(DEMO, 30.0, 2000, np.random.default_rng(5)) > 0.99


def test_parts_follow_each_other():
    rng = np.random.default_rng(6)
    events = parts_schedule(DEMO, (("loss", 30.0), ("win", 60.0)), rng)
    assert log_likelihood_ratio(DEMO, events, 0, 30) < -5
    assert log_likelihood_ratio(DEMO, events, 30, 90) > 5
    assert log_likelihood_ratio(DEMO, events, 0, 90) > 0


def test_envelope_starts_and_ends_at_rest():
    event = Event("nod", 1.0, 0.4, 0.8)
    times = np.linspace(0, 3, 3001)
    shape = envelope(event, times)
    assert shape.max() == pytest.approx(0.8, abs=1e-4)
    assert times[shape.argmax()] == pytest.approx(event.peak, abs=1e-3)
    assert not shape[(times <= 1.0) | (times >= 1.4)].any()
    assert np.abs(np.diff(shape)).max() < 0.01


def test_descriptions_tell_events_but_never_the_outcome():
    def smiles(label: int) -> float:
        total = 0
        for seed in range(60):
            rng = np.random.default_rng(seed)
            text = describe(schedule(DEMO, label, 40.0, rng), rng)
            assert not any(word in text.lower() for word in ("win", "won", "los"))
            total += "AU12" in text
        return total / 60

    assert smiles(WIN) > 0.95
    assert smiles(LOSS) < 0.95
