"""Detector, subject and keypoints in sequence, on a real picture and with stand-ins."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from made_up_shots import frame_of, shot

from stream.frontend.detection import Detection
from stream.frontend.front_end import FrontEnd
from stream.frontend.mediapipe import embedded
from stream.geometry import Region
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


# Stand-ins: what the sequence itself decides ----------------------------------------------------------


class DetectorStandIn:
    """Finds the people it is given; counts its searches."""

    ms = 3.0

    def __init__(self, *people: Detection) -> None:
        self.people, self.views = list(people), []

    def levels(self, width: int, height: int) -> list[list[Region]]:
        return []

    def search(self, image: np.ndarray, view: Region) -> list[Detection]:
        self.views.append(view)
        return self.people


class KeypointsStandIn:
    """Sees the same body in every frame in which it has a region or a track."""

    network_ms = 5.0

    def __init__(self) -> None:
        self.visible = True
        self.regions: list[Region | None] = []
        self.region: Region | None = None
        points = np.zeros((33, 2), np.float32)
        points[[2, 5, 9, 10]] = (335, 110), (305, 110), (330, 140), (310, 140)
        points[[11, 12, 13, 14, 23, 24]] = (
            (370, 180),
            (270, 180),
            (380, 250),
            (260, 250),
            (350, 310),
            (290, 310),
        )
        self._points = points

    @property
    def timings_ms(self) -> dict[str, float]:
        return {"body": self.network_ms, "warp": 1.0, "other": 0.0}

    @property
    def landmarks(self) -> SimpleNamespace:
        return SimpleNamespace(body=SimpleNamespace(points=self._points))

    def push(self, image: np.ndarray, region: Region | None = None) -> Pose | None:
        self.regions.append(region)
        self.region = (region or self.region) if self.visible else None
        if self.region is None:
            return None
        return Pose(np.zeros((137, 2), np.float32), np.zeros(137, np.bool_))

    def reset(self) -> None:
        self.region = None


PERSON = Detection(0.9, (220.0, 60.0, 420.0, 350.0), Region(320, 200, 200, 290))


def test_a_person_is_detected_once_and_then_tracked() -> None:
    detector, keypoints = DetectorStandIn(PERSON), KeypointsStandIn()
    front_end = FrontEnd(detector, keypoints)
    seen = [front_end.push(frame_of(shot(0), i)) for i in range(4)]
    assert len(detector.views) == 1
    assert keypoints.regions == [PERSON.region, None, None, None]
    assert [sighting.timings_ms["detector"] for sighting in seen] == [3.0, 0.0, 0.0, 0.0]
    assert [sighting.scene for sighting in seen] == [0] * 4
    assert all(sighting.portrait and sighting.pose and sighting.landmarks for sighting in seen)


def test_nobody_is_nobody_in_every_field() -> None:
    keypoints = KeypointsStandIn()
    keypoints.visible = False
    sighting = FrontEnd(DetectorStandIn(PERSON), keypoints).push(frame_of(shot(0)))
    assert (sighting.portrait, sighting.pose, sighting.landmarks) == (None, None, None)


def test_another_shot_ends_the_track_and_begins_a_scene() -> None:
    detector, keypoints = DetectorStandIn(PERSON), KeypointsStandIn()
    front_end = FrontEnd(detector, keypoints)
    scenes = [front_end.push(frame_of(shot(seed), i)).scene for i, seed in enumerate((0, 0, 1, 1))]
    assert scenes == [0, 0, 1, 1]
    assert keypoints.regions == [PERSON.region, None, PERSON.region, None]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([Detection(0.5, PERSON.box, Region(300, 190, 80, 80, 0.2))], Region(300, 190, 80, 80, 0.2)),
        ([], Region(320, 200, 290, 290)),  # nobody: the square around the detector's region
        (
            [
                Detection(0.9, (0.0, 0.0, 90.0, 90.0), Region(45, 45, 90, 90)),
                Detection(0.4, PERSON.box, Region(300, 190, 80, 80)),
            ],
            Region(300, 190, 80, 80),  # the one who is in the box, not the surest one
        ),
    ],
)
def test_an_aligner_turns_the_detector_s_box_into_the_keypoints_region(
    found: list[Detection], expected: Region
) -> None:
    keypoints = KeypointsStandIn()
    FrontEnd(DetectorStandIn(PERSON), keypoints, DetectorStandIn(*found)).push(frame_of(shot(0)))
    assert keypoints.regions == [expected]


def test_another_stream_starts_with_a_detection_and_in_a_scene_of_its_own() -> None:
    detector = DetectorStandIn(PERSON)
    front_end = FrontEnd(detector, KeypointsStandIn())
    first = front_end.push(frame_of(shot(0)))
    front_end.reset()
    second = front_end.push(frame_of(shot(0)))
    assert (len(detector.views), second.scene - first.scene) == (2, 1)
