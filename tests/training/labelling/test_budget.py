"""How much, and how fast."""

import threading

import pytest

from training.labelling.budget import Budget, Price, Stopped
from training.labelling.ledger import Ledger, Spent


class Clock:
    def __init__(self):
        self.now, self.waits = 0.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.waits.append(seconds)


@pytest.fixture
def clock():
    return Clock()


def test_requests_are_spaced_evenly(clock, monkeypatch):
    budget = Budget(per_minute=30, clock=clock)
    monkeypatch.setattr(budget, "sleep", clock.sleep)
    budget.request()
    budget.request()
    clock.now = 3.0
    budget.request()
    clock.now = 60.0
    budget.request()
    assert clock.waits == [0.0, 2.0, 1.0, 0.0]


def test_the_limit_of_requests_stops_everybody():
    budget = Budget(max_requests=2)
    budget.request()
    budget.request()
    with pytest.raises(Stopped, match="the budget of 2 requests"):
        budget.request()
    assert (budget.spent_now.requests, budget.stopping, budget.stopped_by) == (
        2,
        True,
        "the budget of 2 requests",
    )
    with pytest.raises(Stopped), budget.reserved(0):
        pytest.fail("begun after the end")


def test_a_video_is_started_only_with_enough_tokens_left():
    budget = Budget(max_tokens=1000)
    with budget.reserved(600):
        budget.spent(500, 100)
    with budget.reserved(400):
        pass
    with (
        budget.reserved(300),
        pytest.raises(Stopped, match="the budget of 1000 tokens"),
        budget.reserved(101),
    ):
        pytest.fail("begun beyond the limit")


def test_what_was_spent_stops_asking_again():
    budget = Budget(max_tokens=1000)
    budget.request()
    budget.spent(900, 100)
    with pytest.raises(Stopped):
        budget.request()


def test_waiting_ends_with_the_run():
    budget = Budget(per_minute=0.1)
    budget.request()
    caught = []

    def ask():
        try:
            budget.request()
        except Stopped as error:
            caught.append(error)

    waiting = threading.Thread(target=ask)
    waiting.start()
    budget.stop()
    waiting.join(5)
    assert len(caught) == 1


def test_the_first_reason_is_the_one_that_is_told():
    budget = Budget(max_requests=0)
    with pytest.raises(Stopped):
        budget.request()
    budget.stop("something else")
    assert budget.stopped_by == "the budget of 0 requests"


def test_what_a_thread_s_video_cost_is_its_own(tmp_path):
    budget = Budget()
    budget.resume_from(Ledger(tmp_path / "spent.json"))
    found = {}

    def ask(name, tokens):
        with budget.reserved(0):
            budget.request()
            barrier.wait(5)
            budget.spent(tokens, 1)
            found[name] = budget.spent_on_video

    barrier = threading.Barrier(2)
    threads = [threading.Thread(target=ask, args=given) for given in (("a", 10), ("b", 20))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert found == {"a": Spent(1, 10, 1), "b": Spent(1, 20, 1)}
    assert Ledger(tmp_path / "spent.json").spent == budget.spent_now == Spent(2, 30, 2)


def test_a_price_is_of_a_million():
    assert Price(1.25, 10.0).of(2_000_000, 100_000) == pytest.approx(3.5)


def test_tokens_that_nobody_counted_are_estimated(tmp_path):
    """A reply may lack them: the limit would never be reached."""
    budget = Budget(max_tokens=1500)
    budget.resume_from(Ledger(tmp_path / "spent.json"))
    with budget.reserved(600, answer=200):
        budget.request()
        budget.spent(0, 0)
        assert budget.spent_on_video == Spent(1, 600, 200, estimated=1)
    with budget.reserved(600, answer=200):
        budget.request()
        budget.spent(590, 0)  # counted: it said nothing
    assert budget.spent_now == Spent(2, 1190, 200, estimated=1)
    with pytest.raises(Stopped, match="the budget of 1500 tokens"), budget.reserved(600, answer=200):
        pytest.fail("begun beyond the limit")
    assert Ledger(tmp_path / "spent.json").spent == budget.spent_now
