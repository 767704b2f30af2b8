"""Who is watched, with a detector that is told what to find; and the whole front end on a real picture."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stream.frontend.cuts import CutDetector
from stream.frontend.detection import Detection
from stream.frontend.front_end import FrontEnd
from stream.frontend.mediapipe import embedded
from stream.frontend.mediapipe.person_detector import views
from stream.frontend.subject import REMEMBER, Subject, choose, torso
from stream.geometry import Box, Region, overlap
from stream.records import Frame, Portrait, Pose

WIDTH, HEIGHT = 640, 360


def _shot(seed: int) -> np.ndarray:
    """A picture with structure of its own: another seed is another shot."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, 256, (HEIGHT // 40, WIDTH // 40, 3), np.uint8)
    return cells.repeat(40, axis=0).repeat(40, axis=1)


def _frame(image: np.ndarray, index: int = 0, *, discontinuity: bool = False) -> Frame:
    return Frame(index, index / 25, index / 25, image, discontinuity)


def _person(box: Box, score: float = 0.9) -> Detection:
    x0, y0, x1, y1 = box
    return Detection(score, box, Region((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, x1 - x0))


def _body(x: float = 320.0, y: float = 180.0, size: float = 100.0) -> np.ndarray:
    """33 points of somebody who faces us: shoulders ``size`` apart, middle of the shoulders at (x, y)."""
    points = np.zeros((33, 2), np.float32)
    points[[2, 5]] = (x + 0.15 * size, y - 0.7 * size), (x - 0.15 * size, y - 0.7 * size)
    points[[9, 10]] = (x + 0.1 * size, y - 0.4 * size), (x - 0.1 * size, y - 0.4 * size)
    points[[11, 12]] = (x + 0.5 * size, y), (x - 0.5 * size, y)
    points[[13, 14]] = (x + 0.6 * size, y + 0.7 * size), (x - 0.6 * size, y + 0.7 * size)
    points[[23, 24]] = (x + 0.3 * size, y + 1.3 * size), (x - 0.3 * size, y + 1.3 * size)
    return points


class Detector:
    """Finds ``people`` whose middle lies in the view; counts the views."""

    def __init__(self, *people: Detection, only: Callable[[Region], bool] = lambda view: True) -> None:
        self.people, self.only = people, only
        self.views: list[Region] = []
        self.ms = 1.0

    def levels(self, width: int, height: int) -> list[list[Region]]:
        return views(width, height)

    def search(self, image: np.ndarray, view: Region) -> list[Detection]:
        self.views.append(view)
        x0, y0, x1, y1 = view.box
        return [
            person
            for person in self.people
            if self.only(view) and x0 <= person.region.cx <= x1 and y0 <= person.region.cy <= y1
        ]


def _settle(subject: Subject, body: np.ndarray | None, image: np.ndarray) -> Portrait | None:
    return subject.settle(body, _frame(image))


def test_the_largest_and_most_central_person_is_chosen() -> None:
    small_central = _person((300, 160, 340, 200))
    large_central = _person((250, 50, 400, 350))
    large_aside = _person((480, 50, 635, 350))
    assert choose([small_central, large_aside, large_central], WIDTH, HEIGHT) is large_central
    assert choose([], WIDTH, HEIGHT) is None


def test_the_person_who_was_watched_is_kept_when_a_larger_one_appears() -> None:
    watched, larger = _person((100, 100, 200, 250)), _person((250, 20, 450, 350))
    assert choose([larger, watched], WIDTH, HEIGHT, (105, 95, 205, 255)) is watched
    assert choose([larger], WIDTH, HEIGHT, (105, 95, 205, 255)) is larger


def test_a_tracked_person_costs_no_detection() -> None:
    detector, image = Detector(_person((250, 50, 400, 350))), _shot(0)
    subject = Subject(detector)
    assert subject.look(_frame(image), tracked=False).region is not None
    assert len(detector.views) == 1
    for index in range(1, 10):
        start = subject.look(_frame(image, index), tracked=True)
        assert start.region is None
        assert not start.cut
    assert len(detector.views) == 1


def test_the_portrait_holds_head_elbows_and_hips() -> None:
    body = _body()
    portrait = _settle(Subject(Detector()), body, _shot(0))
    assert portrait is not None
    x0, y0, x1, y1 = portrait.box
    seen = body[[2, 5, 9, 10, 11, 12, 13, 14, 23, 24]]
    assert (seen >= (x0, y0)).all()
    assert (seen <= (x1, y1)).all()
    assert y0 < body[2, 1] - 40  # hair


def test_the_portrait_ends_where_the_frame_does() -> None:
    portrait = _settle(Subject(Detector()), _body(x=20, y=330, size=200), _shot(0))
    assert portrait is not None
    x0, y0, x1, y1 = portrait.box
    assert x0 == 0
    assert y1 == HEIGHT
    assert 0 < y0 < y1
    assert x0 < x1 < WIDTH


def test_jitter_of_the_person_leaves_the_portrait_still() -> None:
    rng, subject = np.random.default_rng(0), Subject(Detector())
    boxes = []
    for _ in range(50):
        portrait = _settle(subject, _body() + rng.normal(0, 1.0, (33, 2)).astype(np.float32), _shot(0))
        assert portrait is not None
        boxes.append(portrait.box)
    assert np.ptp(np.array(boxes), axis=0).max() < 0.5


def test_a_person_who_walks_takes_the_portrait_along_without_cuts() -> None:
    subject = Subject(Detector())
    for step in range(120):
        portrait = _settle(subject, _body(x=150 + 3 * step), _shot(0))
        assert portrait is not None
        assert not portrait.cut
        assert overlap(portrait.box, torso(_body(x=150 + 3 * step))) > 0.6


def test_a_jump_to_another_place_is_a_cut_and_the_box_goes_there_at_once() -> None:
    subject = Subject(Detector())
    _settle(subject, _body(x=150), _shot(0))
    portrait = _settle(subject, _body(x=500), _shot(0))
    assert portrait is not None
    assert portrait.cut
    assert overlap(portrait.box, torso(_body(x=500))) > 0.95
    again = _settle(subject, _body(x=500), _shot(0))
    assert again is not None
    assert not again.cut


def test_another_shot_drops_the_track_and_marks_the_next_portrait() -> None:
    detector = Detector(_person((250, 50, 400, 350)))
    subject = Subject(detector)
    subject.look(_frame(_shot(0)), tracked=False)
    first = subject.settle(_body(), _frame(_shot(0)))
    assert first is not None
    assert not first.cut
    start = subject.look(_frame(_shot(1), 1), tracked=True)
    assert start.cut
    assert start.region is not None
    portrait = subject.settle(_body(x=300), _frame(_shot(1), 1))
    assert portrait is not None
    assert portrait.cut


def test_a_cut_to_an_empty_shot_is_owed_to_the_next_portrait() -> None:
    subject = Subject(Detector())
    subject.look(_frame(_shot(0)), tracked=False)
    subject.settle(_body(), _frame(_shot(0)))
    for index in range(1, 4):
        subject.look(_frame(_shot(1), index), tracked=index == 1)
        assert subject.settle(None, _frame(_shot(1), index)) is None
    portrait = subject.settle(_body(), _frame(_shot(1), 4))
    assert portrait is not None
    assert portrait.cut


def test_a_discontinuity_of_the_source_is_a_cut() -> None:
    subject = Subject(Detector(_person((250, 50, 400, 350))))
    subject.look(_frame(_shot(0)), tracked=False)
    assert subject.look(_frame(_shot(0), 1, discontinuity=True), tracked=True).cut
    subject.reset()
    assert not subject.look(_frame(_shot(0), 2, discontinuity=True), tracked=False).cut


def test_a_short_absence_in_place_is_no_cut_and_a_long_one_is() -> None:
    for away, cut in ((5, False), (REMEMBER + 5, True)):
        subject = Subject(Detector())
        subject.look(_frame(_shot(0)), tracked=False)
        subject.settle(_body(), _frame(_shot(0)))
        for index in range(1, away + 1):
            subject.look(_frame(_shot(0), index), tracked=False)
            assert subject.settle(None, _frame(_shot(0), index)) is None
        portrait = subject.settle(_body(), _frame(_shot(0), away + 1))
        assert portrait is not None
        assert portrait.cut == cut


def test_an_empty_scene_costs_at_most_one_view_in_two_frames() -> None:
    detector, image = Detector(), _shot(0)
    subject = Subject(detector)
    subject.look(_frame(image), tracked=False)
    subject.settle(None, _frame(image))
    at_start = len(detector.views)
    for index in range(1, 101):
        before = len(detector.views)
        assert subject.look(_frame(image, index), tracked=False).region is None
        assert len(detector.views) - before <= 1
        subject.settle(None, _frame(image, index))
    assert len(detector.views) - at_start <= 52


def test_a_lost_person_is_looked_for_in_the_very_next_frame() -> None:
    detector, image = Detector(_person((250, 50, 400, 350))), _shot(0)
    subject = Subject(detector)
    subject.look(_frame(image), tracked=False)
    subject.settle(_body(), _frame(image))
    subject.look(_frame(image, 1), tracked=True)
    subject.settle(None, _frame(image, 1))
    assert subject.look(_frame(image, 2), tracked=False).region is not None


def test_a_person_whom_only_a_tile_shows_is_found_in_time() -> None:
    far = _person((500, 200, 540, 260))
    detector = Detector(far, only=lambda view: view.width < 250)
    subject, image = Subject(detector), _shot(0)
    assert subject.look(_frame(image), tracked=False).region == far.region  # a first frame searches all
    subject.settle(None, _frame(image))
    for index in range(1, 101):
        if subject.look(_frame(image, index), tracked=False).region is not None:
            break
        subject.settle(None, _frame(image, index))
    assert index < 90


@pytest.mark.parametrize("change", ["noise", "flash", "exposure", "motion", "pan"])
def test_what_happens_within_a_shot_is_no_cut(change: str) -> None:
    image = _shot(3)
    rng = np.random.default_rng(0)
    changed = {
        "noise": np.clip(image + rng.normal(0, 12, image.shape), 0, 255).astype(np.uint8),
        "flash": np.clip(image * 1.5 + 90, 0, 255).astype(np.uint8),
        "exposure": (image * 0.6).astype(np.uint8),
        "motion": image.copy(),
        "pan": np.roll(image, 16, axis=1),
    }
    changed["motion"][100:300, 200:400] = 90  # somebody leans into a third of the picture
    cuts = CutDetector()
    assert not cuts.push(image)
    assert not cuts.push(changed[change])
    assert not cuts.push(image)


def test_shots_and_black_frames_are_cuts() -> None:
    cuts = CutDetector()
    sequence = [_shot(0), _shot(1), np.zeros_like(_shot(0)), np.zeros_like(_shot(0)), _shot(2)]
    assert [cuts.push(image) for image in sequence] == [False, True, True, False, True]


# The real thing ------------------------------------------------------------------------------------------


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
    walked = [front_end.push(_frame(image, index)) for index, image in enumerate(images)]
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
    alone = front_end.push(_frame(closer)).portrait
    assert alone is not None
    assert walked[3][0] is not None
    assert walked[3][0].box == alone.box


def test_timings_add_up(front_end: FrontEnd, person: np.ndarray) -> None:
    timings = dict(front_end.push(_frame(person)).timings_ms)
    assert timings["detector"] > 0
    total = timings.pop("total")
    assert sum(timings.values()) == pytest.approx(total)
    assert front_end.push(_frame(person, 1)).timings_ms["detector"] == 0
