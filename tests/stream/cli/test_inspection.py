"""One frame through the front end: what is printed, what is drawn, and which frame it is."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from made_up_shots import HEIGHT, WIDTH, frame_of, shot

from stream.capture.decoding.pattern import read_number
from stream.cli import inspection
from stream.cli.options import InspectOptions
from stream.errors import SourceError, UsageError
from stream.frontend.front_end import Sighting
from stream.records import Frame, Portrait, Pose
from stream.skeleton import COUNT

PORTRAIT = Portrait((10.123, 20.0, 110.0, 220.0), 0.9)


def pose(seen: int = COUNT) -> Pose:
    return Pose(np.full((COUNT, 2), 50.1234, np.float32), np.arange(COUNT) < seen)


class FrontEndStandIn:
    """Sees the same in every frame; keeps the frames."""

    def __init__(self, portrait: Portrait | None, pose: Pose | None) -> None:
        self.seen = portrait, pose
        self.frames: list[Frame] = []

    def push(self, frame: Frame) -> Sighting:
        self.frames.append(frame)
        return Sighting(*self.seen, None, 0, {"pose": 4.0004, "total": 12.3})


@pytest.fixture
def inspect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FrontEndStandIn]:
    def run(*seen: Any, source: str = "pattern", **options: Any) -> FrontEndStandIn:
        front_end = FrontEndStandIn(*(seen or (PORTRAIT, pose())))
        choice = SimpleNamespace(
            prove=lambda *args, **more: None,
            build=lambda **more: front_end,
            encoder=lambda **more: None,
        )
        monkeypatch.setattr(inspection, "chosen", lambda given: choice)
        monkeypatch.setattr(inspection, "ensure", lambda *args, **more: None)
        inspection.run(InspectOptions(source, **options))
        return front_end

    return run


def test_the_report_is_whole_and_short() -> None:
    found = inspection.report(frame_of(shot(0), 5), PORTRAIT, pose(3), {"pose": 4.00049})
    assert found["size"] == [WIDTH, HEIGHT]
    assert found["pts"] == 0.2
    assert found["portrait"] == [10.12, 20.0, 110.0, 220.0]
    assert found["timings_ms"] == {"pose": 4.0}
    keypoints: Any = found["keypoints"]
    assert len(keypoints) == COUNT
    assert keypoints[2] == [50.123, 50.123, True]
    assert not keypoints[3][2]
    assert json.loads(json.dumps(found)) == found


def test_nobody_is_null_and_137_points_that_are_not_there() -> None:
    found = inspection.report(frame_of(shot(0)), None, None, {})
    assert found["portrait"] is None
    assert found["keypoints"] == [[0.0, 0.0, False]] * COUNT


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (
            (PORTRAIT, pose()),
            "portrait [10, 20, 110, 220] · valid points: "
            "body 25 of 25, face 70 of 70, hands 42 of 42 · 12 ms",
        ),
        (
            (PORTRAIT, pose(26)),
            "portrait [10, 20, 110, 220] · valid points: body 25 of 25, face 1 of 70, hands 0 of 42 · 12 ms",
        ),
        ((None, None), "no person found (12 ms)"),
    ],
)
def test_people_read_one_line(
    inspect: Callable[..., FrontEndStandIn], capsys: pytest.CaptureFixture[str], seen: Any, sentence: str
) -> None:
    inspect(*seen)
    assert capsys.readouterr().out == sentence + "\n"


def test_programs_read_one_object(
    inspect: Callable[..., FrontEndStandIn], capsys: pytest.CaptureFixture[str]
) -> None:
    inspect(json=True)
    assert set(json.loads(capsys.readouterr().out)) == {"pts", "size", "portrait", "keypoints", "timings_ms"}


def test_the_frame_is_the_first_at_or_after_the_moment(inspect: Callable[..., FrontEndStandIn]) -> None:
    (frame,) = inspect(at_s=1.01).frames
    assert frame.pts == pytest.approx(1.04)
    assert read_number(frame.image) == 26


def test_a_moment_behind_the_end_is_one_sentence(inspect: Callable[..., FrontEndStandIn]) -> None:
    with pytest.raises(SourceError, match="has nothing at 900 s; choose an earlier moment"):
        inspect(source="demo", at_s=900.0)


def test_the_picture_has_the_frame_s_size(inspect: Callable[..., FrontEndStandIn], tmp_path: Path) -> None:
    (frame,) = inspect(out=tmp_path / "seen.png").frames
    drawn = cv2.cvtColor(cv2.imread(str(tmp_path / "seen.png")), cv2.COLOR_BGR2RGB)
    assert drawn.shape == frame.image.shape
    changed = (drawn != frame.image).any(axis=2)
    assert 0 < changed.mean() < 0.5, "something is drawn on the picture, and the picture is still there"


def test_a_place_that_cannot_be_written_to_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"^--out .*: expected a place to write a PNG to, found No such file"
    ):
        inspection.write_png(tmp_path / "none" / "seen.png", shot(0))
