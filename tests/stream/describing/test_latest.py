"""The description of the latest moment wins, whoever says it and in whatever order they come in."""

import itertools

import pytest

from stream.describing.latest import Description, LatestDescription

SAID = [
    Description("of a minute ago", 60.0, 0),
    Description("typed just now", 100.0, 0),
    Description("after a cut that set the clock back", 3.0, 1),
]


@pytest.mark.parametrize("order", list(itertools.permutations(SAID)))
def test_the_latest_moment_wins_in_any_order(order: tuple[Description, ...]) -> None:
    newest = LatestDescription()
    for said in order:
        newest.put(said)
    assert newest.take() is SAID[2]


def test_each_is_taken_once() -> None:
    newest = LatestDescription()
    assert newest.take() is None
    newest.put(SAID[1])
    assert newest.take() is SAID[1]
    assert newest.take() is None
    newest.put(SAID[0])
    assert newest.take() is None
    newest.put(again := Description("typed just now", 100.0, 0))
    assert newest.take() is again


def test_a_description_may_be_withdrawn() -> None:
    newest = LatestDescription()
    newest.put(Description("", 70.0, 0))
    newest.put(SAID[0])
    taken = newest.take()
    assert taken is not None
    assert taken.text == ""
