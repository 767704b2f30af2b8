"""Ring mode where there is no torch: live as from a file, from snapshots, and what it refuses."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from front_end_stand_in import StandIn

from stream.branches import snapshots
from stream.branches.ring_mode import RingMode
from stream.bundle.load import Bundle
from stream.capture.capture import Capture
from stream.errors import UsageError
from stream.publish.wire import Confidence
from stream.records import Frame, Portrait, Pose
from stream.runtime.analyzer import Analyzer
from stream.runtime.announcer import Settings
from stream.runtime.session import Session
from stream.skeleton import COUNT
from stream.window.window import Window


class Person(StandIn):
    """Stands in for the front end: somebody who moves by a fixed rule, and is away for a while."""

    def look(self, frame: Frame) -> tuple[Portrait | None, Pose | None]:
        if 90 <= frame.index < 110:
            return None, None
        rng = np.random.default_rng(frame.index)
        points = (8 + 16 * rng.random((COUNT, 2))).astype(np.float32)
        return Portrait((4, 4, 28, 28), 1.0), Pose(points, rng.random(COUNT) < 0.9)


class Feed:
    """200 frames, 3 ms apart, then the end."""

    def __init__(self) -> None:
        self.given, self.ended, self.child_pid = 0, False, None
        self.counters: dict[str, Any] = {"dropped": {}, "errors": 0, "stalls": 0, "segments": 0}

    info = None

    def open(self, stop: object) -> bool:
        return True

    def close(self) -> None: ...

    frames = Capture.frames

    def next(self, timeout_s: float) -> Frame | None:
        if self.given == 200:
            self.ended = True
            return None
        time.sleep(0.003)
        self.given += 1
        picture = np.full((32, 32, 3), self.given % 251, np.uint8)
        return Frame(self.given - 1, (self.given - 1) / 25, time.monotonic(), picture)


class Wall:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def publish(self, message: Any) -> None:
        self.messages.append(message)


def test_both_lanes_at_live_pace_say_what_a_file_says(bundle: Bundle) -> None:
    """Whichever estimates are skipped, and wherever the slow lane takes the ticks."""
    said = {}
    for pace in ("live", "fast"):
        wall, live = Wall(), Analyzer(bundle, Person(), mode="ring")  # type: ignore[arg-type]
        settings = Settings(source="feed", pace=pace, hop=5, mode="ring")  # type: ignore[arg-type]
        Session(settings, live, Feed, wall).run()  # type: ignore[arg-type]
        said[pace] = [m for m in wall.messages if isinstance(m, Confidence)]
    last = {pace: messages[-1] for pace, messages in said.items()}
    assert {m.mode for m in said["live"]} == {"ring"}
    assert last["live"].pts == last["fast"].pts == pytest.approx(199 / 25)
    assert last["live"].branches["keypoints"] == pytest.approx(last["fast"].branches["keypoints"], abs=1e-5)
    fast = {m.pts: m.branches["keypoints"] for m in said["fast"]}
    common = [m for m in said["live"] if m.pts in fast]
    assert common
    for m in common:
        if m.branches["keypoints"] is None:  # nothing yet
            assert m.pts < 0.2
        else:
            assert m.branches["keypoints"] == pytest.approx(fast[m.pts], abs=1e-5)


BOX = (80.0, 80.0, 200.0, 210.0)


def window_of(bundle: Bundle, ticks: int, *, scenes: dict[int, int] | None = None) -> Window:
    """A window in which somebody was seen in every tick; ``scenes``: tick → scene from it on."""
    window, scene = Window(bundle.manifest.window, 96), 0
    for tick in range(ticks):
        scene = (scenes or {}).get(tick, scene)
        rng = np.random.default_rng(tick)
        points = (100 + 80 * rng.random((COUNT, 2))).astype(np.float32)
        window.push(tick, Portrait(BOX, 1.0), Pose(points, np.ones(COUNT, np.bool_)), scene)
        if tick % 5 == 0:
            window.put_feature(tick // 5, rng.normal(size=96).astype(np.float32))
    return window


def followed(bundle: Bundle, ticks: int, every: int, **options: Any) -> dict[str, np.ndarray]:
    ring, window = RingMode(bundle, **options), window_of(bundle, ticks)
    for tick in range(every - 1, ticks, every):
        ring.follow(window, tick)
    ring.follow(window, ticks - 1)
    return ring.vectors(window.read(ticks - 1))


def test_vectors_do_not_depend_on_how_often_it_followed(bundle: Bundle) -> None:
    once, often = followed(bundle, 60, 60), followed(bundle, 60, 7)
    assert set(once) == {"keypoints", "image"}
    for name, vector in once.items():
        assert np.linalg.norm(vector - often[name]) <= 1e-5 * np.linalg.norm(vector), name


def test_ticks_do_not_go_back_and_views_are_of_the_tick_that_was_followed(bundle: Bundle) -> None:
    ring, window = RingMode(bundle), window_of(bundle, 30)
    ring.follow(window, 20)
    with pytest.raises(ValueError, match="ticks must not go back: expected 20 or more, found 19"):
        ring.follow(window, 19)
    with pytest.raises(ValueError, match="expected a view of tick 20, which was followed, found 29"):
        ring.vectors(window.read(29))


@pytest.mark.parametrize(("on_cut", "begun"), [("keep", 0), ("reset", 30), ("decay", 0)])
def test_what_a_cut_leaves(bundle: Bundle, on_cut: Any, begun: int) -> None:
    ring, window = RingMode(bundle, on_cut=on_cut), window_of(bundle, 45, scenes={30: 1})
    ring.follow(window, 44)
    assert ring.memory_start() == begun
    _, present = ring.rings["keypoints"].read()
    assert present.all()
    assert ring.rings["keypoints"]._readout._counts[0].sum() == (25 if on_cut == "keep" else 15)


def test_a_saved_ring_goes_on(bundle: Bundle, tmp_path: Path) -> None:
    ring, window = RingMode(bundle), window_of(bundle, 60)
    ring.follow(window, 39)
    ring.save(tmp_path / "ring.npz")
    again = RingMode(bundle)
    again.load(tmp_path / "ring.npz", same_ticks=True)
    for each in (ring, again):
        each.follow(window, 59)
    expected, found = (each.vectors(window.read(59)) for each in (ring, again))
    for name, vector in expected.items():
        np.testing.assert_array_equal(found[name], vector)


def test_a_snapshot_with_other_arrays_is_refused_and_changes_nothing(bundle: Bundle, tmp_path: Path) -> None:
    ring, window = RingMode(bundle), window_of(bundle, 20)
    ring.follow(window, 19)
    before = ring.vectors(window.read(19))
    arrays = ring.snapshot()
    del arrays["image.read"]
    snapshots.save(tmp_path / "ring.npz", bundle, arrays)
    with pytest.raises(UsageError, match=r"expected a whole snapshot of a ring, .*no read.*start without it"):
        ring.load(tmp_path / "ring.npz")
    for name, vector in ring.vectors(window.read(19)).items():
        np.testing.assert_array_equal(vector, before[name])


def test_reset_forgets_and_rehearsing_remembers_nothing(bundle: Bundle) -> None:
    ring, window = RingMode(bundle), window_of(bundle, 20)
    ring.warm_up()
    ring.rehearse()
    assert not ring.rings["keypoints"].read()[1].any()
    ring.follow(window, 19)
    ring.reset()
    assert (ring.tick, ring.has_missed(-1)) == (-1, False)
    ring.follow(window_of(bundle, 1), 0)
    assert ring.memory_start() == 0
