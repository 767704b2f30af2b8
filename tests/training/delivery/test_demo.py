"""The demo follows what it sees: other clips, and the same clip in another order, go the other way."""

from pathlib import Path

import pytest

from stream.bundle.load import Bundle, demo_bundle
from stream.capture.capture import Capture
from stream.capture.source import Source
from stream.frontend.mediapipe import embedded
from stream.records import Frame
from stream.runtime.analyzer import Analyzer
from training.data.materials import ENCODER
from training.delivery import demo
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


def test_an_encoder_that_is_there_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who trains, films and delivers is replaced: what is held is what is made, from what, and where."""
    trained: list[Path] = []
    delivered: list[tuple[object, ...]] = []
    monkeypatch.setattr(demo.embedded, "from_cache", lambda threads: "front end")
    monkeypatch.setattr(
        demo, "warped_recordings", lambda *given, folder, **more: delivered.append((folder,)) or ()
    )
    monkeypatch.setattr(demo, "load_folder", lambda folder, encode: [folder])
    monkeypatch.setattr(demo.materials, "image_encoder", lambda recipe, work, encoder: encoder)
    monkeypatch.setattr(demo.materials, "from_simulator", lambda recipe, films, encode: films)
    monkeypatch.setattr(demo.runs, "run", lambda recipe, work, found: (work, found))
    monkeypatch.setattr(demo.runs, "ring_of", lambda work: "ring")
    monkeypatch.setattr(demo, "deliver_run", lambda *given: delivered.append(given) or "written")

    def train(out: Path, course: object) -> None:
        trained.append(out)
        out.mkdir(parents=True)
        (out / "model.safetensors").touch()

    monkeypatch.setattr(demo.image_encoder, "train", train)
    work, films, encoder = tmp_path, tmp_path / "warped", tmp_path / ENCODER
    for _ in range(2):
        assert demo.rebuild(tmp_path / "bundle", work, 3) == "written"
    assert trained == [encoder]
    whole = ((work, [films]), tmp_path / "bundle", encoder, demo.COMMAND, "ring")
    assert delivered == [(films,), whole] * 2
