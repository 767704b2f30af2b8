"""The demo follows what it sees: other clips, and the same clip in another order, go the other way."""

from pathlib import Path

import pytest

from stream.bundle.load import Bundle, demo_bundle
from stream.capture.capture import Capture
from stream.capture.source import Source
from stream.frontend.mediapipe import embedded
from stream.records import Frame
from stream.runtime.analyzer import Analyzer
from training.simulator.rendering import make_clip

pytestmark = pytest.mark.slow


def wins(frames: list[Frame], at_s: tuple[float, ...]) -> list[float]:
    """Confidence of win after so many seconds of the frames, which are put on a clock of their own."""
    analyzer = Analyzer(Bundle.load(demo_bundle()), embedded.from_cache(), mode="full")
    due = {round(25 * s) - 1 for s in at_s}
    said = []
    for tick, frame in enumerate(frames):
        analyzer.observe(Frame(tick, tick / 25, 0.0, frame.image))
        if tick in due:
            win = analyzer.estimate(tick).win
            assert win is not None
            said.append(win)
    return said


def played(path: str) -> list[Frame]:
    frames = []
    with Capture(Source.parse(path), pace="fast") as capture:
        capture.open()
        while not capture.ended:
            if (frame := capture.next(5.0)) is not None:
                frames.append(frame)
    return frames


@pytest.mark.usefixtures("holistic_files")
def test_a_clip_that_wins_first_and_then_loses(tmp_path: Path) -> None:
    clip = tmp_path / "other.mp4"
    make_clip(clip, (("win", 30.0), ("loss", 60.0)), seed=11)
    after_30, after_90 = wins(played(str(clip)), (30, 90))
    assert after_30 >= 0.60
    assert after_90 <= 0.40


@pytest.mark.usefixtures("holistic_files")
def test_the_built_in_clip_with_its_parts_the_other_way_round() -> None:
    frames = played("demo")
    assert len(frames) == 2250
    after_60, after_90 = wins(frames[750:] + frames[:750], (60, 90))
    assert after_60 >= 0.60
    assert after_90 < after_60 - 0.05, "thirty seconds of loss behaviour pull it down again"
