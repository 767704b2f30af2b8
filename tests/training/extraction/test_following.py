"""Frames of any rate onto the grid: what is kept of a video is what the live window holds."""

import numpy as np
import pytest
from front_end_stand_in import StandIn

from stream.bundle.manifest import Window as WindowSpec
from stream.records import Frame, Portrait, Pose
from stream.window.grid import Grid
from stream.window.window import Window
from training.corpus.recording import Recording, inputs
from training.extraction.following import LONGEST_GAP, on_grid, track

SPEC = WindowSpec(poses=400, features=80)


class MadeUp(StandIn):
    """A person who moves at random, leaves at times and is cut to at times, by the frame's number."""

    def look(self, frame: Frame) -> tuple[Portrait | None, Pose | None]:
        rng = np.random.default_rng([7, frame.index])
        if rng.random() < 0.1:
            return None, None
        valid = rng.random(137) < 0.8
        points = (rng.random((137, 2)) * 300 * valid[:, None]).astype(np.float32)
        box = tuple((rng.random(4) * 50 + (0, 0, 200, 200)).tolist())
        return Portrait(box, 1.0, cut=rng.random() < 0.05), Pose(points, valid)


def frames(rate: float, seconds: float, seed: int) -> list[Frame]:
    """Some are dropped; once the media clock jumps, forwards or backwards."""
    rng = np.random.default_rng(seed)
    jump, by = int(rng.integers(20, 40)), float(rng.choice([-9, 4]))
    picture = np.zeros((300, 400, 3), np.uint8)
    return [
        Frame(i, 3 + i / rate + (by if i >= jump else 0), 0.0, picture, i == jump)
        for i in range(round(rate * seconds))
        if i == jump or rng.random() < 0.9
    ]


def recorded(found) -> Recording:
    return Recording(
        points=found.points, valid=found.valid, boxes=found.boxes, present=found.present,
        segments=found.segments, features=None, feature_mask=np.zeros(0, np.bool_), text=None, label=1,
        subject="s", llr=None, provenance="",
    )  # fmt: skip


@pytest.mark.parametrize("rate", [12.0, 24.0, 25.0, 30000 / 1001, 50.0, 60.0])
@pytest.mark.parametrize("seed", range(4))
def test_stream_equals_offline(rate, seed):
    feed = frames(rate, 6.0, seed)
    grid, window, front_end, slots = Grid(25.0), Window(SPEC), MadeUp(), {}
    for frame in feed:
        tick = grid.claim(frame.pts, frame.discontinuity)
        if tick is not None:
            sighting = front_end.push(frame)
            window.push(tick, sighting.portrait, sighting.pose, sighting.scene)
            if sighting.portrait is not None:
                slots.setdefault(tick // 5, frame.index)
    taken = []
    found = track(on_grid(feed), MadeUp(), crop_size=14, take=lambda slot, crop: taken.append(slot))
    groups, masks = inputs(recorded(found), SPEC)
    view = window.read(window.newest)
    n = len(found.present)
    assert n == window.newest + 1 < SPEC.poses
    assert len(set(found.segments.tolist())) > 1
    for name, live in view.groups.items():
        assert np.array_equal(live[-n:], groups[name]), name
        assert np.array_equal(view.masks[name][-n:], masks[name])
        assert masks[name].any()
    assert taken == sorted(slots)


def test_a_gap_beyond_every_window_is_shortened_by_whole_slots():
    feed = [
        Frame(i, i / 25 + (3600.04 if i >= 10 else 0), 0.0, np.zeros((2, 2, 3), np.uint8)) for i in range(20)
    ]
    ticks = [tick for tick, _ in on_grid(feed)]
    assert ticks[:10] == list(range(10))
    assert LONGEST_GAP <= ticks[10] - 10 < LONGEST_GAP + 5
    assert ticks[10] % 5 == (10 + 90001) % 5
    assert np.diff(ticks[10:]).tolist() == [1] * 9
