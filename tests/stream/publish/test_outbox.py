"""The queue in front of the socket: bounded, never waiting, one wake-up for many messages."""

import select

import pytest

from stream.publish.outbox import QUEUE, Outbox


@pytest.fixture
def outbox():
    made = Outbox()
    yield made
    made.release()


def readable(outbox: Outbox) -> bool:
    return bool(select.select([outbox.descriptor], [], [], 0)[0])


def test_what_is_put_is_taken_in_order(outbox: Outbox) -> None:
    assert not readable(outbox)
    for number in range(3):
        assert outbox.put(("event", b"%d" % number))
    assert readable(outbox)
    assert outbox.take() == ([("event", b"0"), ("event", b"1"), ("event", b"2")], False)
    assert not readable(outbox)
    assert outbox.take() == ([], False)


def test_the_oldest_gives_way_and_is_counted(outbox: Outbox) -> None:
    for number in range(QUEUE + 5):
        outbox.put(("event", b"%d" % number))
    batch, _ = outbox.take()
    assert (len(batch), batch[0], outbox.dropped) == (QUEUE, ("event", b"5"), 5)


def test_a_closing_outbox_keeps_what_it_has_and_takes_nothing_more(outbox: Outbox) -> None:
    outbox.put(("event", b"last"))
    assert outbox.close()
    assert not outbox.close()
    assert not outbox.put(("event", b"late"))
    assert readable(outbox)
    assert outbox.take() == ([("event", b"last")], True)
