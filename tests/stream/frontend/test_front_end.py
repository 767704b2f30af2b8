"""Detector, subject and keypoints in sequence, on a real picture and with stand-ins."""

from pathlib import Path

import numpy as np
import pytest
from made_up_shots import frame_of

from stream.frontend.front_end import FrontEnd
from stream.frontend.mediapipe import embedded
from stream.records import Portrait, Pose


@pytest.fixture(scope="module")
def front_end(holistic_files: Path) -> FrontEnd:
    return embedded.from_folder(holistic_files)


@pytest.fixture
def person(front_end: FrontEnd) -> np.ndarray:
    """The astronaut in the middle of a wide frame; the front end is new."""
    import cv2

    path = Path(__file__).resolve().parents[2] / "data" / "astronaut.png"
    portrait = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    frame = np.full((512, 910, 3), 96, np.uint8)
    frame[:, 200:712] = portrait
    front_end.reset()
    return frame


def _walk(front_end: FrontEnd, images: list[np.ndarray]) -> list[tuple[Portrait | None, Pose | None]]:
    walked = [front_end.push(frame_of(image, index)) for index, image in enumerate(images)]
    return [(sighting.portrait, sighting.pose) for sighting in walked]


def test_the_front_end_keeps_a_person_through_noise(front_end: FrontEnd, person: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    noisy = [np.clip(person + rng.normal(0, 2, person.shape), 0, 255).astype(np.uint8) for _ in range(12)]
    walked = _walk(front_end, noisy)
    boxes = np.array([portrait.box for portrait, _ in walked if portrait])
    assert len(boxes) == 12
    assert np.ptp(boxes[1:], axis=0).max() < 6
    assert not any(portrait.cut for portrait, _ in walked if portrait)
    faces = np.stack([pose.points[25:93] for _, pose in walked if pose])
    assert np.linalg.norm(np.diff(faces[1:], axis=0), axis=2).mean() < 0.5


def test_absence_is_none_and_return_is_found(front_end: FrontEnd, person: np.ndarray) -> None:
    empty = np.full_like(person, 96)
    walked = _walk(front_end, [person] * 3 + [empty] * 6 + [person] * 2)
    assert [portrait is not None for portrait, _ in walked] == [True] * 3 + [False] * 6 + [True] * 2
    assert [pose is not None for _, pose in walked] == [portrait is not None for portrait, _ in walked]
    cuts = [portrait.cut for portrait, _ in walked if portrait]
    assert cuts == [False, False, False, True, False]


def test_a_cut_to_the_same_person_elsewhere_restarts(front_end: FrontEnd, person: np.ndarray) -> None:
    closer = np.ascontiguousarray(person[:300, 250:783].repeat(2, axis=0).repeat(2, axis=1)[:512, :910])
    walked = _walk(front_end, [person] * 3 + [closer] * 3)
    assert [portrait.cut for portrait, _ in walked if portrait] == [False, False, False, True, False, False]
    front_end.reset()
    alone = front_end.push(frame_of(closer)).portrait
    assert alone is not None
    assert walked[3][0] is not None
    assert walked[3][0].box == alone.box


def test_timings_add_up(front_end: FrontEnd, person: np.ndarray) -> None:
    timings = dict(front_end.push(frame_of(person)).timings_ms)
    assert timings["detector"] > 0
    total = timings.pop("total")
    assert sum(timings.values()) == pytest.approx(total)
    assert front_end.push(frame_of(person, 1)).timings_ms["detector"] == 0
