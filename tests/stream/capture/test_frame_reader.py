"""Which published frame is next: all of them at pace fast, the newest at pace live, every loss counted."""

from typing import Any

import pytest

from stream.capture.frame_reader import BACKLOG, FrameReader
from stream.capture.shared_frames import Meta, Segment


class LinkStandIn:
    """Counters of a decoder, and how often it was told that a slot is free."""

    def __init__(self, published: int = 0) -> None:
        self.words = {"published": published, "taken": 0}
        self.told = 0
        self.control = self

    def get(self, word: str) -> int:
        return self.words[word]

    def set(self, word: str, value: int) -> None:
        self.words[word] = value

    def say_taken(self) -> None:
        self.told += 1


def put(segment: Segment, *numbers: int, epoch: int = 0) -> None:
    for k in numbers:
        segment.begin(k, 6, 8)[:] = k
        segment.commit(k, Meta(k, k / 25, 100 + k / 25, epoch), 6, 8)


@pytest.fixture
def segment() -> Segment:
    return Segment.create(6 * 8 * 3)


def taken(reader: FrameReader, link: Any, published: int) -> list[int]:
    found = []
    while (frame := reader.take(link, published)) is not None:
        assert (frame.image == frame.index).all()
        found.append(frame.index)
    return found


def test_fast_gives_every_frame_and_tells_the_decoder_so(segment: Segment) -> None:
    reader, link = FrameReader("fast"), LinkStandIn()
    reader.add((0, segment))
    put(segment, *range(segment.slots))
    assert taken(reader, link, segment.slots) == list(range(segment.slots))
    assert (reader.taken, reader.skipped) == (segment.slots, 0)
    assert (link.words["taken"], link.told) == (segment.slots, segment.slots)


@pytest.mark.parametrize(
    ("published", "expected"),
    [(1, [0]), (BACKLOG + 1, list(range(BACKLOG + 1))), (BACKLOG + 2, [BACKLOG + 1]), (6, [5])],
)
def test_live_bears_a_small_backlog_and_jumps_over_a_larger_one(
    segment: Segment, published: int, expected: list[int]
) -> None:
    reader, link = FrameReader("live"), LinkStandIn()
    reader.add((0, segment))
    put(segment, *range(published))
    assert taken(reader, link, published) == expected
    assert reader.skipped == published - len(expected)
    assert reader.taken == len(expected)
    assert link.told == 0, "a live decoder waits for nobody"


def test_a_ring_too_small_for_the_backlog_keeps_one_slot_for_the_writer() -> None:
    small = Segment.create(20 << 20)  # two slots
    assert small.slots == 2
    reader = FrameReader("live")
    reader.add((0, small))
    put(small, 0, 1)
    assert taken(reader, LinkStandIn(), 2) == [1]


def test_a_frame_that_was_written_over_is_skipped_and_counted(segment: Segment) -> None:
    reader = FrameReader("fast")
    reader.add((0, segment))
    put(segment, *range(segment.slots + 2))  # 0 and 1 are gone
    assert taken(reader, LinkStandIn(), segment.slots + 2)[0] == 2
    assert reader.skipped == 2


def test_frames_come_from_the_segment_they_were_written_to(segment: Segment) -> None:
    later = Segment.create(6 * 8 * 3)
    reader = FrameReader("fast")
    reader.add((0, segment))
    reader.add((3, later))
    put(segment, 0, 1, 2)
    put(later, 3, 4)
    assert taken(reader, LinkStandIn(), 5) == [0, 1, 2, 3, 4]


def test_a_new_epoch_marks_one_frame_also_when_its_first_was_skipped(segment: Segment) -> None:
    reader, link = FrameReader("live"), LinkStandIn()
    reader.add((0, segment))
    put(segment, 0)
    first = reader.take(link, 1)
    put(segment, 1, 2, 3, 4, 5, epoch=1)
    second = reader.take(link, 6)
    put(segment, 6, epoch=1)
    third = reader.take(link, 7)
    assert [f and (f.index, f.discontinuity) for f in (first, second, third)] == [
        (0, False),
        (5, True),
        (6, False),
    ]


def test_what_is_left_and_what_was_taken_survive_clearing(segment: Segment) -> None:
    reader, link = FrameReader("fast"), LinkStandIn(published=2)
    reader.add((0, segment))
    put(segment, 0, 1)
    reader.take(link, 1)
    assert reader.left(link)
    reader.take(link, 2)
    assert not reader.left(link)
    reader.clear()
    assert (reader.taken, reader.take(link, 2)) == (2, None)
