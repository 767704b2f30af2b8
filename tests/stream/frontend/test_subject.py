"""Who is watched, with a detector that is told what to find."""

from collections.abc import Callable

import numpy as np
from made_up_shots import HEIGHT, WIDTH, frame_of, shot

from stream.frontend.detection import Detection
from stream.frontend.mediapipe.person_detector import views
from stream.frontend.subject import REMEMBER, Subject, choose, torso
from stream.geometry import Box, Region, overlap
from stream.records import Portrait


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
    return subject.settle(body, frame_of(image))


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
    detector, image = Detector(_person((250, 50, 400, 350))), shot(0)
    subject = Subject(detector)
    assert subject.look(frame_of(image), tracked=False).region is not None
    assert len(detector.views) == 1
    for index in range(1, 10):
        start = subject.look(frame_of(image, index), tracked=True)
        assert start.region is None
        assert not start.cut
    assert len(detector.views) == 1


def test_the_portrait_holds_head_elbows_and_hips() -> None:
    body = _body()
    portrait = _settle(Subject(Detector()), body, shot(0))
    assert portrait is not None
    x0, y0, x1, y1 = portrait.box
    seen = body[[2, 5, 9, 10, 11, 12, 13, 14, 23, 24]]
    assert (seen >= (x0, y0)).all()
    assert (seen <= (x1, y1)).all()
    assert y0 < body[2, 1] - 40  # hair


def test_the_portrait_ends_where_the_frame_does() -> None:
    portrait = _settle(Subject(Detector()), _body(x=20, y=330, size=200), shot(0))
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
        portrait = _settle(subject, _body() + rng.normal(0, 1.0, (33, 2)).astype(np.float32), shot(0))
        assert portrait is not None
        boxes.append(portrait.box)
    assert np.ptp(np.array(boxes), axis=0).max() < 0.5


def test_a_person_who_walks_takes_the_portrait_along_without_cuts() -> None:
    subject = Subject(Detector())
    for step in range(120):
        portrait = _settle(subject, _body(x=150 + 3 * step), shot(0))
        assert portrait is not None
        assert not portrait.cut
        assert overlap(portrait.box, torso(_body(x=150 + 3 * step))) > 0.6


def test_a_jump_to_another_place_is_a_cut_and_the_box_goes_there_at_once() -> None:
    subject = Subject(Detector())
    _settle(subject, _body(x=150), shot(0))
    portrait = _settle(subject, _body(x=500), shot(0))
    assert portrait is not None
    assert portrait.cut
    assert overlap(portrait.box, torso(_body(x=500))) > 0.95
    again = _settle(subject, _body(x=500), shot(0))
    assert again is not None
    assert not again.cut


def test_another_shot_drops_the_track_and_marks_the_next_portrait() -> None:
    detector = Detector(_person((250, 50, 400, 350)))
    subject = Subject(detector)
    subject.look(frame_of(shot(0)), tracked=False)
    first = subject.settle(_body(), frame_of(shot(0)))
    assert first is not None
    assert not first.cut
    start = subject.look(frame_of(shot(1), 1), tracked=True)
    assert start.cut
    assert start.region is not None
    portrait = subject.settle(_body(x=300), frame_of(shot(1), 1))
    assert portrait is not None
    assert portrait.cut


def test_a_cut_to_an_empty_shot_is_owed_to_the_next_portrait() -> None:
    subject = Subject(Detector())
    subject.look(frame_of(shot(0)), tracked=False)
    subject.settle(_body(), frame_of(shot(0)))
    for index in range(1, 4):
        subject.look(frame_of(shot(1), index), tracked=index == 1)
        assert subject.settle(None, frame_of(shot(1), index)) is None
    portrait = subject.settle(_body(), frame_of(shot(1), 4))
    assert portrait is not None
    assert portrait.cut


def test_a_discontinuity_of_the_source_is_a_cut() -> None:
    subject = Subject(Detector(_person((250, 50, 400, 350))))
    subject.look(frame_of(shot(0)), tracked=False)
    assert subject.look(frame_of(shot(0), 1, discontinuity=True), tracked=True).cut
    subject.reset()
    assert not subject.look(frame_of(shot(0), 2, discontinuity=True), tracked=False).cut


def test_a_short_absence_in_place_is_no_cut_and_a_long_one_is() -> None:
    for away, cut in ((5, False), (REMEMBER + 5, True)):
        subject = Subject(Detector())
        subject.look(frame_of(shot(0)), tracked=False)
        subject.settle(_body(), frame_of(shot(0)))
        for index in range(1, away + 1):
            subject.look(frame_of(shot(0), index), tracked=False)
            assert subject.settle(None, frame_of(shot(0), index)) is None
        portrait = subject.settle(_body(), frame_of(shot(0), away + 1))
        assert portrait is not None
        assert portrait.cut == cut


def test_an_empty_scene_costs_at_most_one_view_in_two_frames() -> None:
    detector, image = Detector(), shot(0)
    subject = Subject(detector)
    subject.look(frame_of(image), tracked=False)
    subject.settle(None, frame_of(image))
    at_start = len(detector.views)
    for index in range(1, 101):
        before = len(detector.views)
        assert subject.look(frame_of(image, index), tracked=False).region is None
        assert len(detector.views) - before <= 1
        subject.settle(None, frame_of(image, index))
    assert len(detector.views) - at_start <= 52


def test_a_lost_person_is_looked_for_in_the_very_nextframe_of() -> None:
    detector, image = Detector(_person((250, 50, 400, 350))), shot(0)
    subject = Subject(detector)
    subject.look(frame_of(image), tracked=False)
    subject.settle(_body(), frame_of(image))
    subject.look(frame_of(image, 1), tracked=True)
    subject.settle(None, frame_of(image, 1))
    assert subject.look(frame_of(image, 2), tracked=False).region is not None


def test_a_person_visible_only_in_a_tile_is_found_in_time() -> None:
    far = _person((500, 200, 540, 260))
    detector = Detector(far, only=lambda view: view.width < 250)
    subject, image = Subject(detector), shot(0)
    assert subject.look(frame_of(image), tracked=False).region == far.region  # a first frame searches all
    subject.settle(None, frame_of(image))
    for index in range(1, 101):
        if subject.look(frame_of(image, index), tracked=False).region is not None:
            break
        subject.settle(None, frame_of(image, index))
    assert index < 90
