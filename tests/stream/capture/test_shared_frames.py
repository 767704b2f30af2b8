import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import stream
from stream.capture.shared_frames import BUDGET, MOST_BYTES, MOST_SLOTS, Control, Meta, Segment
from stream.errors import SourceError


def _put(segment: Segment, k: int, image: np.ndarray) -> None:
    height, width = image.shape[:2]
    np.copyto(segment.begin(k, height, width), image)
    segment.commit(k, Meta(k, k / 25, k * 10.0, 0), height, width)


@pytest.fixture
def segment() -> Segment:
    return Segment.create(8 * 6 * 3)


def test_what_is_written_is_read_through_another_mapping(segment: Segment) -> None:
    other = Segment(segment.fd, segment.slots, segment.slot_bytes)
    for k in range(20):
        image = np.full((6, 8, 3), k, np.uint8)
        _put(segment, k, image)
        found = other.read(k)
        assert found is not None
        meta, copy = found
        assert (meta.index, meta.pts, meta.captured) == (k, k / 25, k * 10.0)
        np.testing.assert_array_equal(copy, image)


def test_a_copy_is_safe_to_keep(segment: Segment) -> None:
    _put(segment, 0, np.full((6, 8, 3), 7, np.uint8))
    found = segment.read(0)
    assert found is not None
    for k in range(1, 2 * segment.slots):
        _put(segment, k, np.zeros((6, 8, 3), np.uint8))
    assert (found[1] == 7).all()


def test_nothing_yet_half_written_and_written_over_give_none(segment: Segment) -> None:
    assert segment.read(0) is None
    segment.begin(0, 6, 8)
    assert segment.read(0) is None
    for k in range(segment.slots + 1):
        _put(segment, k, np.zeros((6, 8, 3), np.uint8))
    assert segment.read(0) is None
    assert segment.read(segment.slots) is not None


def test_smaller_pictures_fit_in_the_same_slots(segment: Segment) -> None:
    _put(segment, 0, np.full((2, 3, 3), 5, np.uint8))
    found = segment.read(0)
    assert found is not None
    assert found[1].shape == (2, 3, 3)


_WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from stream.capture.shared_frames import Control, Meta, Segment
control, segment = Control(int(sys.argv[2])), Segment(*map(int, sys.argv[3:6]))
image, k = np.empty((200, 200, 3), np.uint8), 0
while not control.get("taken"):
    image[:] = k % 251
    np.copyto(segment.begin(k, 200, 200), image)
    segment.commit(k, Meta(k, 0.0, 0.0, 0), 200, 200)
    k += 1
    control.set("published", k)
"""


def test_no_torn_picture_is_ever_given_out() -> None:
    """A process that writes and never waits against a reader: what is read is of one colour, its own."""
    segment, control_fd = Segment.create(200 * 200 * 3), Control.create()
    control = Control(control_fd)
    numbers = [control_fd, segment.fd, segment.slots, segment.slot_bytes]
    root = Path(stream.__file__).parents[1]
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(root), *map(str, numbers)], pass_fds=[control_fd, segment.fd]
    )
    whole = 0
    try:
        deadline = time.monotonic() + 20
        while whole < 300 and time.monotonic() < deadline:
            k = control.get("published") - 1
            found = segment.read(k) if k >= 0 else None
            if found is not None:
                whole += 1
                assert found[0].index == k
                assert (found[1] == k % 251).all()
    finally:
        control.set("taken", 1)
        assert writer.wait(10) == 0
        os.close(control_fd)
    assert whole == 300


def test_size_is_bounded() -> None:
    for height, width in ((96, 160), (720, 1280), (1080, 1920), (2160, 3840), (4320, 7680)):
        size = height * width * 3
        segment = Segment.create(size)
        os.close(segment.fd)
        assert 1 <= segment.slots <= MOST_SLOTS
        assert segment.slots == 1 or segment.slots * segment.slot_bytes <= BUDGET
        assert segment.slots >= 2 or size > BUDGET // 2


def test_too_large_a_picture_is_one_sentence() -> None:
    with pytest.raises(SourceError, match="above the limit of 256 MiB"):
        Segment.create(MOST_BYTES + 1)


def test_control_words_are_shared() -> None:
    fd = Control.create()
    one, two = Control(fd), Control(fd)
    os.close(fd)
    one.set("published", 1 << 40)
    one.add("errors", 3)
    assert (two.get("published"), two.get("errors"), two.get("taken")) == (1 << 40, 3, 0)
