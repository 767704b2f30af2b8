"""Frames written to a file keep their times and sizes, and a file that cannot be written is named."""

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from stream.errors import UsageError
from stream.overlay.drawing import panel_height
from stream.overlay.writer import OverlayWriter
from stream.records import Estimate, Frame, Portrait, Pose, WindowFigures
from stream.skeleton import COUNT

GREY = np.full((240, 320, 3), 90, np.uint8)
BOX = Portrait((40.0, 30.0, 200.0, 210.0), 0.9)
FIGURES = WindowFigures(0.1, 0.1, 1.0, 0.0, 4.0)


def pose(valid: bool = True) -> Pose:
    turn = np.linspace(0, 2 * np.pi, COUNT)
    points = np.stack((120 + 60 * np.cos(turn), 120 + 70 * np.sin(turn)), axis=1).astype(np.float32)
    return Pose(points, np.full(COUNT, valid))


def estimate(tick: int, win: float | None) -> Estimate:
    return Estimate(tick, tick / 25, 0.0, win, "ok" if win is not None else "warming", None, {}, FIGURES)


@dataclass(frozen=True)
class Written:
    size: tuple[int, int]
    times: list[float]
    first: np.ndarray


def read(path: Path) -> Written:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    first = frames[0]
    times = [float(frame.pts * frame.time_base) for frame in frames]
    return Written((first.width, first.height), times, first.to_ndarray(format="rgb24"))


def frame(pts: float, image: np.ndarray = GREY) -> Frame:
    return Frame(0, pts, 0.0, image)


def test_writes_every_frame_at_its_time(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    times = [0.0, 0.04, 0.08, 0.2, 0.24]  # two were dropped
    with OverlayWriter(path, (320, 240), 25.0, note="made-up people") as writer:
        for i, pts in enumerate(times):
            writer.push(frame(5.0 + pts), BOX, pose(), estimate(i, 0.6))
        assert not path.exists()  # appears when it is whole
    written = read(path)
    assert written.size == (320, 240 + panel_height(240))
    assert written.times == pytest.approx(times, abs=1e-3)
    np.testing.assert_allclose(written.first[5:25, 250:310], 90, atol=6)
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_jumps_of_the_media_clock_are_cut_out(tmp_path: Path) -> None:
    with OverlayWriter(tmp_path / "out.mp4", (320, 240), 25.0) as writer:
        for pts in (100.0, 100.04, 7.0, 7.0, 500.0):
            writer.push(frame(pts), None, None, None)
    assert read(tmp_path / "out.mp4").times == pytest.approx([0, 0.04, 0.08, 0.081, 0.121], abs=1e-3)


def test_odd_and_changing_sizes(tmp_path: Path) -> None:
    with OverlayWriter(tmp_path / "out.mp4", (161, 121)) as writer:
        for i, (height, width) in enumerate([(121, 161), (240, 320), (60, 80)]):
            writer.push(frame(i / 25, np.zeros((height, width, 3), np.uint8)), None, None, estimate(i, None))
    written = read(tmp_path / "out.mp4")
    assert len(written.times) == 3
    assert written.size == (162, 121 + panel_height(121) + 1)


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        OverlayWriter(tmp_path / "missing" / "out.mp4", (320, 240))
    with pytest.raises(UsageError, match="found a folder"):
        OverlayWriter(tmp_path, (320, 240))


def test_nothing_pushed_leaves_nothing(tmp_path: Path) -> None:
    with OverlayWriter(tmp_path / "out.mp4", (320, 240)) as writer:
        pass
    writer.close()
    assert list(tmp_path.iterdir()) == []
