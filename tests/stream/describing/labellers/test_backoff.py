"""Asking again."""

import pytest

from stream.describing.labellers.backoff import Backoff
from stream.errors import DescriptionDenied, DescriptionUnavailable


def failing(times, *, wish=None, then="done"):
    """A call that fails so often, and how often it was made."""
    made = []

    def call():
        made.append(1)
        if len(made) <= times:
            raise DescriptionUnavailable("busy", wish)
        return then

    return call, made


def test_waits_grow_are_cut_at_random_and_stay_below_the_most():
    slept = []
    call, made = failing(4)
    assert Backoff(tries=5, first_s=1, most_s=5)(call, slept.append, lambda: 0.5) == "done"
    assert slept == [0.75, 1.5, 3.0, 3.75]
    assert len(made) == 5


@pytest.mark.parametrize("chance", [0.0, 0.999])
def test_a_wait_is_between_a_half_and_the_whole(chance):
    slept = []
    Backoff(first_s=4)(failing(1)[0], slept.append, lambda: chance)
    assert 2 <= slept[0] <= 4


def test_the_other_side_s_wish_is_the_least_wait():
    slept = []
    Backoff(first_s=1)(failing(2, wish=7.5)[0], slept.append)
    assert slept == [7.5, 7.5]


def test_a_wish_beyond_all_patience_goes_through_at_once():
    call, made = failing(9, wish=3600)
    with pytest.raises(DescriptionUnavailable) as caught:
        Backoff(most_s=60)(call, pytest.fail)
    assert caught.value.retry_after_s == 3600
    assert len(made) == 1


def test_the_last_failure_goes_through_without_a_wait_after_it():
    slept = []
    call, made = failing(9)
    with pytest.raises(DescriptionUnavailable):
        Backoff(tries=3)(call, slept.append)
    assert (len(made), len(slept)) == (3, 2)


def test_what_waiting_cannot_mend_goes_through():
    def call():
        raise DescriptionDenied("no")

    with pytest.raises(DescriptionDenied):
        Backoff()(call, pytest.fail)
