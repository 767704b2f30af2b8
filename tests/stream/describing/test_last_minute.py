"""The last minute: bounded in time, rate and bytes, of one scene, without sound, and never waited for."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from stream.describing import last_minute as module
from stream.describing.last_minute import Film, LastMinute, compressed
from stream.records import Frame

SMALL = np.full((96, 160, 3), 90, np.uint8)


def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


@pytest.fixture
def minute() -> Iterator[LastMinute]:
    kept = LastMinute()
    kept.start()
    yield kept
    kept.close()


def show(minute: LastMinute, pts: float, scene: int = 0, image: np.ndarray = SMALL) -> None:
    """Hand one frame over and wait until it is kept."""
    minute.see(Frame(0, pts, 0.0, image), scene)
    until(lambda: (film := minute.film()) is not None and (film.scene, film.end) == (scene, pts))


def test_five_pictures_a_second_of_a_faster_stream() -> None:
    kept = LastMinute()  # its thread has not started
    given = set()
    for index in range(100):
        kept.see(Frame(index, 7.0 + index / 25, 0.0, SMALL), 0)
        assert kept._slot is not None
        given.add(kept._slot[0].index)
    assert given == set(range(0, 100, 5))


def test_a_frame_that_nobody_fetches_is_forgotten_for_a_newer_one() -> None:
    kept = LastMinute()  # its thread has not started
    for index in range(10):
        kept.see(Frame(index, float(index), 0.0, SMALL), 0)
    kept.start()
    until(lambda: kept.film() is not None)
    film = kept.film()
    kept.close()
    assert film is not None
    assert [pts for pts, _ in film.pictures] == [9.0]


def test_older_than_a_minute_is_gone(minute: LastMinute) -> None:
    for pts in (0.0, 30.0, 59.8, 60.0, 60.4):
        show(minute, pts)
    film = minute.film()
    assert film is not None
    assert [pts for pts, _ in film.pictures] == [30.0, 59.8, 60.0, 60.4]
    assert film.seconds == pytest.approx(30.4)


def test_bytes_are_bounded(minute: LastMinute, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (96, 160, 3), np.uint8)
    each = compressed(noise).size
    monkeypatch.setattr(module, "BYTES", 3 * each)
    for index in range(8):
        show(minute, float(index), image=noise)
    film = minute.film()
    assert film is not None
    assert [pts for pts, _ in film.pictures] == [5.0, 6.0, 7.0]


def test_another_scene_starts_over_whatever_its_clock(minute: LastMinute) -> None:
    for pts in (50.0, 51.0):
        show(minute, pts)
    show(minute, 2.0, scene=1)
    film = minute.film()
    assert film is not None
    assert [pts for pts, _ in film.pictures] == [2.0]
    assert minute.scene == 1


def test_large_pictures_are_made_small() -> None:
    import cv2

    tall = cv2.imdecode(compressed(np.zeros((1080, 1920, 3), np.uint8)), cv2.IMREAD_COLOR)
    assert tall is not None
    assert tall.shape == (480, 853, 3)
    kept = cv2.imdecode(compressed(SMALL), cv2.IMREAD_COLOR)
    assert kept is not None
    assert kept.shape == SMALL.shape


def test_the_film_is_video_alone_with_the_streams_times_and_colours(tmp_path: Path) -> None:
    red = np.zeros((97, 161, 3), np.uint8)
    red[..., 0] = 200
    film = Film(tuple((20.0 + i / 5, compressed(red)) for i in range(12)), 0)
    path = tmp_path / "minute.mp4"
    assert film.write(path, threading.Event())
    with av.open(str(path)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert not {"title", "comment", "location", "artist"} & container.metadata.keys()
        frames = list(container.decode(video=0))
    assert [float(f.pts * f.time_base) for f in frames] == pytest.approx([i / 5 for i in range(12)])
    middle = frames[5].to_ndarray(format="rgb24")[40:60, 60:100].reshape(-1, 3).mean(axis=0)
    assert np.abs(middle - (200, 0, 0)).max() < 12


def test_a_film_that_is_called_off_leaves_no_file(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    film = Film(((0.0, compressed(SMALL)),), 0)
    assert not film.write(tmp_path / "minute.mp4", stop)
    assert not list(tmp_path.iterdir())


def test_closed_it_keeps_nothing() -> None:
    kept = LastMinute()
    kept.start()
    show(kept, 1.0)
    kept.close()
    kept.close()
    kept.see(Frame(0, 9.0, 0.0, SMALL), 0)
    assert kept.film() is None
    assert kept._slot is None
