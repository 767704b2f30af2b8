"""The overlay never holds the fast lane at live pace, and its failures are not lost."""

import threading
from pathlib import Path

import av
import numpy as np
import pytest

from stream.errors import UsageError
from stream.overlay.recorder import Recorder
from stream.records import Frame

PICTURE = np.full((64, 96, 3), 90, np.uint8)


def frame(index: int) -> Frame:
    return Frame(index, index / 25, 0.0, PICTURE)


def test_fast_pace_writes_every_frame(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.mp4", "fast")
    for index in range(40):
        recorder.push(frame(index), None, None, None)
    recorder.close()
    assert recorder.dropped == 0
    assert (tmp_path / "out.mp4").stat().st_size > 0


def test_live_pace_drops_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    class Slow:
        def __init__(self, *_: object, **__: object) -> None: ...
        def __enter__(self) -> "Slow":
            return self

        def __exit__(self, *_: object) -> None: ...
        def push(self, *_: object) -> None:
            release.wait(20)

    monkeypatch.setattr("stream.overlay.recorder.OverlayWriter", Slow)
    recorder = Recorder(tmp_path / "out.mp4", "live")
    for index in range(50):
        recorder.push(frame(index), None, None, None)
    release.set()
    recorder.close()
    assert 50 - 8 - 1 <= recorder.dropped <= 50 - 8


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "nowhere" / "out.mp4", "fast")
    with pytest.raises(UsageError, match="nowhere"):  # noqa: PT012 - which push finds out is the thread's choice
        for index in range(100):
            recorder.push(frame(index), None, None, None)
        recorder.close()
    with pytest.raises(UsageError, match="nowhere"):
        recorder.close()


def test_closing_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    class Stuck:
        def __init__(self, *_: object, **__: object) -> None: ...
        def __enter__(self) -> "Stuck":
            return self

        def __exit__(self, *_: object) -> None: ...
        def push(self, *_: object) -> None:
            release.wait(60)

    monkeypatch.setattr("stream.overlay.recorder.OverlayWriter", Stuck)
    monkeypatch.setattr("stream.overlay.recorder.CLOSE_S", 0.2)
    recorder = Recorder(tmp_path / "out.mp4", "live")
    for index in range(50):
        recorder.push(frame(index), None, None, None)
    with pytest.raises(UsageError, match="expected the overlay to be written within"):
        recorder.close()
    release.set()


def test_a_long_overlay_goes_into_several_files(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.mp4", "fast", minutes=1 / 60)
    for index in range(60):
        recorder.push(frame(index), None, None, None)
    recorder.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["out-0001.mp4", "out-0002.mp4", "out-0003.mp4"]
    counts = []
    for name in names:
        with av.open(str(tmp_path / name)) as container:
            counts.append(sum(1 for _ in container.decode(video=0)))
    assert counts == [26, 26, 8]


def test_nothing_to_draw_gives_no_file(tmp_path: Path) -> None:
    for minutes in (None, 1.0):
        Recorder(tmp_path / "out.mp4", "live", minutes=minutes).close()
    assert list(tmp_path.iterdir()) == []
