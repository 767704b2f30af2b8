"""The labeller's figures: they add up, an answer heals, a denial stays."""

from stream.describing.labellers.provider import Reply
from stream.describing.tally import Tally


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


def state(tally: Tally) -> str:
    return tally.status("made-up", "m", 60.0).state


def test_a_request_from_waiting_to_idle() -> None:
    clock = Clock()
    tally = Tally(clock)
    assert state(tally) == "waiting"
    tally.send()
    assert state(tally) == "sending"
    tally.answer(Reply("", None, "m", 100, 20), used=True)  # type: ignore[arg-type]
    clock.now += 3
    status = tally.status("made-up", "m", 60.0)
    assert (status.state, status.sent, status.answered, status.unused) == ("idle", 1, 1, 0)
    assert (status.tokens_in, status.tokens_out, status.last_answer_age_s) == (100, 20, 3.0)
    tally.wait()
    assert state(tally) == "waiting"


def test_failures_in_a_row_until_an_answer() -> None:
    tally = Tally()
    for number in (1, 2):
        tally.send()
        tally.fail("no answer", denied=False)
        assert tally.failed_in_a_row == number
    assert state(tally) == "failing"
    tally.send()
    tally.answer(Reply("", None, "m"), used=False)  # type: ignore[arg-type]
    status = tally.status("made-up", "m", 60.0)
    assert (status.sent, status.answered, status.failed, status.unused) == (3, 1, 2, 1)
    assert (tally.failed_in_a_row, status.last_error) == (0, None)


def test_a_denial_is_final() -> None:
    tally = Tally()
    tally.send()
    tally.fail("the key is wrong", denied=True)
    assert tally.denied
    status = tally.status("made-up", "m", 60.0)
    assert (status.state, status.last_error) == ("denied", "the key is wrong")
