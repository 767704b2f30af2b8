"""The ring mode that ships, where there is no torch: the same numbers however its ticks arrive."""

import time
from typing import Any

import numpy as np
import pytest
from front_end_stand_in import StandIn

from stream.branches import modes
from stream.branches.ring_host import RingHost
from stream.bundle.load import Bundle, demo_bundle
from stream.capture.capture import Capture
from stream.publish.wire import Confidence
from stream.records import Frame, Portrait, Pose
from stream.runtime.analyzer import Analyzer
from stream.runtime.announcer import Settings
from stream.runtime.session import Session
from stream.skeleton import COUNT

ROWS = 310  # more than the largest hop, and not a multiple of it


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(demo_bundle())


def host(bundle: Bundle, branch: str = "keypoints") -> RingHost:
    return RingHost(bundle.manifest.modes["ring"].steps[branch], bundle.path)


def rows(bundle: Bundle, count: int = ROWS) -> tuple[list[np.ndarray], np.ndarray]:
    rng = np.random.default_rng(3)
    widths = bundle.manifest.window.widths.values()
    values = [rng.normal(0, 0.3, (count, width)).astype(np.float32) for width in widths]
    return values, rng.random((len(values), count)) < 0.9


def said(ring: RingHost, values: list[np.ndarray], mask: np.ndarray, at_a_time: int) -> np.ndarray:
    for first in range(0, mask.shape[1], at_a_time):
        part = slice(first, first + at_a_time)
        ring.push([v[part] for v in values], mask[:, part])
        if at_a_time < 25:
            ring.flush()
    mean, present = ring.read()
    assert present.all()
    return mean


def test_the_demo_ships_both_modes_and_takes_the_ring(bundle: Bundle) -> None:
    assert set(bundle.manifest.modes) == {"full", "ring"}
    assert modes.chosen(bundle) == "ring"
    assert sum(entry.size for entry in bundle.manifest.files.values()) <= 15e6
    steps = bundle.manifest.modes["ring"].steps
    assert {name: step.ring.reach for name, step in steps.items()} == {"keypoints": 4000, "image": 800}


def test_it_says_the_same_however_its_rows_arrive(bundle: Bundle) -> None:
    values, mask = rows(bundle)
    once = said(host(bundle), values, mask, ROWS)
    for at_a_time in (1, 7, 25):
        found = said(host(bundle), values, mask, at_a_time)
        assert np.linalg.norm(found - once) <= 1e-5 * np.linalg.norm(once), at_a_time


def test_it_says_the_same_after_its_caches_were_written_over_four_times(bundle: Bundle) -> None:
    values, mask = rows(bundle, 4 * 1350 + 110)
    mask[:, 2000:2900] = False
    by_25, by_5 = (said(host(bundle), values, mask, n) for n in (25, 5))
    assert np.linalg.norm(by_5 - by_25) <= 1e-5 * np.linalg.norm(by_25)


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
        self.counters: dict[str, Any] = {"dropped": {}, "errors": 0, "stalls": 0}

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


def test_a_snapshot_goes_on_where_it_was_taken(bundle: Bundle) -> None:
    values, mask = rows(bundle)
    whole = said(host(bundle), values, mask, ROWS)
    first, second = host(bundle), host(bundle)
    first.push([v[:150] for v in values], mask[:, :150])
    second.restore(first.snapshot())
    second.push([v[150:] for v in values], mask[:, 150:])
    found, _ = second.read()
    assert np.linalg.norm(found - whole) <= 1e-5 * np.linalg.norm(whole)


def test_two_streams_do_not_touch(bundle: Bundle) -> None:
    values, mask = rows(bundle)
    alone = said(host(bundle), values, mask, ROWS)
    one, other = host(bundle), host(bundle)
    for first in range(0, ROWS, 25):
        part = slice(first, first + 25)
        one.push([v[part] for v in values], mask[:, part])
        other.push([-v[part] for v in values], mask[:, part])
    assert np.linalg.norm(one.read()[0] - alone) <= 1e-5 * np.linalg.norm(alone)
