"""Small files that break players, and what is right for each; the same person in all of them."""

from pathlib import Path

import numpy as np
import pytest

from stream.capture.capture import Capture
from stream.capture.source import Source
from stream.frontend.mediapipe import embedded
from stream.records import Frame, Portrait, Pose
from stream.window.grid import Grid

DATA = Path(__file__).resolve().parents[2] / "data"
POINTS = slice(0, 95)  # body and face


def frames_of(name: str, *, at_s: float = 0.0, stream: int | None = None) -> list[Frame]:
    source = Source.parse(str(DATA / name))
    with Capture(source, pace="fast", start_at_s=at_s, stream=stream) as capture:
        capture.open()
        found = list(capture.frames())
        assert capture.counters["errors"] == 0
    return found


def ticks_of(frames: list[Frame]) -> list[int]:
    grid = Grid(25.0)
    claimed = [grid.claim(frame.pts, frame.discontinuity) for frame in frames]
    return [tick for tick in claimed if tick is not None]


@pytest.fixture(scope="module")
def seen(holistic_files: Path):
    """The first portrait and pose of a film that its name gives."""
    known: dict[str, tuple[Portrait, Pose]] = {}

    def look(name: str) -> tuple[Portrait, Pose]:
        if name not in known:
            found = embedded.from_folder(holistic_files).push(frames_of(name)[0])
            assert found.portrait is not None
            assert found.pose is not None
            known[name] = found.portrait, found.pose
        return known[name]

    return look


@pytest.mark.parametrize(
    ("name", "at_least"), [("upright.mp4", 200), ("bframes.avi", 200), ("jitter.ts", 180)]
)
def test_stamps_that_run_back_a_little_are_no_cut(name: str, at_least: int) -> None:
    frames = frames_of(name)
    assert len(frames) == 200
    assert not any(frame.discontinuity for frame in frames)
    ticks = ticks_of(frames)
    assert at_least <= len(ticks) <= 200
    assert ticks[-1] >= 198


def test_the_pictures_of_an_avi_are_in_order() -> None:
    for a, b in zip(frames_of("upright.mp4")[::20], frames_of("bframes.avi")[::20], strict=True):
        assert np.abs(a.image.astype(int) - b.image.astype(int)).mean() < 1.0


@pytest.mark.parametrize("at_s", [1.0, 3.9, 4.0, 5.0, 7.5])
def test_a_moment_of_a_stream_without_an_index_is_exact(at_s: float) -> None:
    whole = frames_of("long_gop.ts")
    (first, *_) = frames_of("long_gop.ts", at_s=at_s)
    wanted = next(frame for frame in whole if frame.pts >= whole[0].pts + at_s - 1e-6)
    assert first.pts == pytest.approx(wanted.pts)
    np.testing.assert_array_equal(first.image, wanted.image)


def test_pixels_that_are_not_square_are_shown_as_they_are_meant(seen) -> None:
    square, pal = frames_of("square_16x9.mp4")[0], frames_of("pal_16x9.mp4")[0]
    assert square.image.shape == pal.image.shape == (576, 1024, 3)
    (box, points), (other, others) = (
        (p.box, q.points) for p, q in map(seen, ("square_16x9.mp4", "pal_16x9.mp4"))
    )
    width = box[2] - box[0]
    np.testing.assert_allclose(other, box, atol=0.02 * width)
    assert np.linalg.norm(points[POINTS] - others[POINTS], axis=1).mean() < 0.01 * width


def test_a_mirrored_film_is_shown_upright(seen) -> None:
    frames = frames_of("hflip.mp4")
    plain = frames_of("upright.mp4")[0].image
    assert np.abs(frames[0].image.astype(int) - plain[:, ::-1].astype(int)).mean() < 3.0
    portrait, pose = seen("hflip.mp4")
    assert pose.points[0, 1] < pose.points[1, 1], "the nose is above the neck"
    assert portrait.score > 0.5


def test_the_default_stream_is_chosen_then_the_largest_and_any_by_its_number(seen) -> None:
    assert frames_of("two_streams.mp4")[0].image.shape == (360, 480, 3)
    assert seen("two_streams.mp4")[1].valid[:25].sum() >= 8
    assert frames_of("two_streams.mp4", stream=0)[0].image.shape == (120, 160, 3)
