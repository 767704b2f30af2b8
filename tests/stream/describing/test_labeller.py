"""Asking beside a stream: what is sent, what is told of it, and that no trouble is the end of anything."""

import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from stream.describing import labeller as module
from stream.describing.labeller import LabellerThread
from stream.describing.labellers.provider import Clip, Reply, Sampling
from stream.describing.last_minute import Film, compressed
from stream.describing.latest import LatestDescription
from stream.errors import (
    DescriptionDenied,
    DescriptionMalformed,
    DescriptionRefused,
    DescriptionUnavailable,
)

PICTURE = compressed(np.full((48, 64, 3), 90, np.uint8))


def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


class Kept:
    """A minute that holds what a test says."""

    def __init__(self, seconds: float = 20.0, scene: int = 0) -> None:
        self.scene = scene
        self.closed = False
        self.now: Film | None = None
        self.show(seconds, scene)

    def show(self, end: float, scene: int = 0) -> None:
        self.now = Film(((0.0, PICTURE), (end, PICTURE)), scene)

    def film(self) -> Film | None:
        return self.now

    def close(self) -> None:
        self.closed = True


class Labeller:
    """A provider that does what it is told, one thing for each question; then it answers."""

    name = "made-up"

    def __init__(self, *script: Exception | threading.Event) -> None:
        self.script = list(script)
        self.clips: list[tuple[Clip, int, list[str]]] = []
        self.asked: list[float] = []
        self.closed = 0
        self.sleep: Callable[[float], None] = time.sleep

    def __call__(self, sleep: Callable[[float], None]) -> "Labeller":
        self.sleep = sleep
        return self

    def describe(self, clip: Clip, prompt: Any, sampling: Sampling, keep: Any = None) -> Reply:
        self.asked.append(time.monotonic())
        with av.open(str(clip.path)) as video:
            kinds = [stream.type for stream in video.streams]
        self.clips.append((clip, stat.S_IMODE(os.stat(clip.path.parent).st_mode), kinds))
        step = self.script.pop(0) if self.script else None
        if isinstance(step, Exception):
            raise step
        if step is not None:
            step.wait(30)
        return Reply(f"said {len(self.asked)}", None, "served", 1000, 200)  # type: ignore[arg-type]

    def close(self) -> None:
        self.closed += 1


def asking(
    labeller: Labeller, kept: Kept | None = None, **options: Any
) -> tuple[LabellerThread, LatestDescription]:
    newest = LatestDescription()
    chosen = {"every_s": 0.02, "least_s": 0.0, "retry_s": 0.005, **options}
    asker = LabellerThread(
        kept or Kept(),  # type: ignore[arg-type]
        newest,
        labeller,
        None,  # type: ignore[arg-type]
        Sampling("model-1"),
        lambda reply: reply.raw,
        **chosen,
    )
    return asker, newest


def test_the_answer_speaks_of_the_clips_end() -> None:
    labeller, kept = Labeller(), Kept(42.5, scene=3)
    kept.show(42.5, scene=3)
    asker, newest = asking(labeller, kept, every_s=1.0)
    asker.start()
    until(lambda: asker.status().answered > 0)
    said = newest.take()
    asker.close()
    assert said is not None
    assert (said.text, said.pts, said.scene) == ("said 1", 42.5, 3)
    clip, mode, kinds = labeller.clips[0]
    assert clip.seconds == 42.5
    assert len(clip.sha256) == 64
    assert (mode, kinds) == (0o700, ["video"])
    assert not clip.path.parent.exists()


def test_half_a_character_is_no_text_that_breaks_a_lane() -> None:
    asker, newest = asking(Labeller())
    film = Kept().film()
    assert film is not None
    asker._accept(film, Reply("nods \ud83d twice", None, "m"))  # type: ignore[arg-type]
    said = newest.take()
    assert said is not None
    assert said.text.encode() == b"nods ? twice"


def test_figures_add_up_and_an_answer_heals() -> None:
    labeller = Labeller(
        DescriptionUnavailable("made-up: expected an answer, found 503; try later."),
        DescriptionMalformed("made-up: expected JSON, found prose; ask again."),
        RuntimeError("a bug\nin two lines"),
    )
    asker, _ = asking(labeller)
    asker.start()
    until(lambda: asker.status().failed == 3)
    until(lambda: asker.status().answered >= 1)
    status = asker.status()
    asker.close()
    assert (status.provider, status.model, status.failed) == ("made-up", "model-1", 3)
    assert status.sent - status.answered - status.failed in (0, 1)
    assert status.tokens_in == 1000 * status.answered
    assert status.last_error is None
    assert status.last_answer_age_s is not None
    assert status.state in ("idle", "sending", "waiting")


def test_a_failure_is_reported_in_one_line_without_secrets() -> None:
    labeller = Labeller(ValueError("https://u:hunter2@x/?key=AIza\nand more" + "x" * 999))
    asker, _ = asking(labeller, every_s=0.05, retry_s=60.0)
    labeller.script *= 50
    asker.start()
    until(lambda: asker.status().state == "failing")
    error = asker.status().last_error
    asker.close()
    assert error is not None
    assert error.startswith("ValueError: https://x/?key=***")
    assert "hunter2" not in error
    assert "AIza" not in error
    assert error.isprintable()
    assert len(error) <= 200


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        (DescriptionUnavailable("busy"), [5, 10, 20, 40, 60, 60]),
        (DescriptionUnavailable("busy", retry_after_s=30.0), [30, 30, 30, 40, 60, 60]),
        (DescriptionUnavailable("busy", retry_after_s=3600.0), [60, 60]),
        (DescriptionRefused("not this video"), [60, 60]),
        (RuntimeError("a bug"), [5, 10]),
    ],
)
def test_each_failure_in_a_row_waits_longer_never_longer_than_usual(
    error: Exception, pauses: list[float]
) -> None:
    asker, _ = asking(Labeller(), every_s=60.0, retry_s=5.0)
    assert [asker._fail(error) for _ in pauses] == pauses


def test_denied_it_asks_no_more() -> None:
    labeller, kept = (
        Labeller(DescriptionDenied("made-up: expected a key that is known; set another.")),
        Kept(),
    )
    asker, _ = asking(labeller, kept)
    asker.start()
    until(lambda: asker.status().state == "denied" and kept.closed)
    time.sleep(0.1)
    status = asker.status()
    asker.close()
    assert (status.sent, status.failed) == (1, 1)
    assert len(labeller.asked) == 1
    assert status.last_error == "made-up: expected a key that is known; set another."


def test_too_little_new_video_is_not_worth_a_question() -> None:
    labeller, kept = Labeller(), Kept(9.9)
    asker, _ = asking(labeller, kept, least_s=10.0)
    asker.start()
    until(lambda: asker.status().state == "waiting")
    time.sleep(0.1)
    assert asker.status().sent == 0
    kept.show(12.0)
    until(lambda: asker.status().answered == 1)
    kept.show(21.9)
    time.sleep(0.1)
    assert asker.status().sent == 1
    kept.show(10.0, scene=1)  # another scene: all of it is new
    until(lambda: asker.status().answered == 2)
    asker.close()


def test_an_answer_after_a_cut_is_counted_as_unused() -> None:
    release = threading.Event()
    labeller, kept = Labeller(release), Kept()
    asker, _ = asking(labeller, kept)
    asker.start()
    until(lambda: asker.status().state == "sending" and len(labeller.asked) == 1)
    kept.scene = 1
    release.set()
    until(lambda: asker.status().answered >= 1)
    asker.close()
    assert asker.status().unused >= 1


def test_closing_calls_off_what_is_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLOSE_S", 0.3)
    never = threading.Event()
    labeller = Labeller(never)
    asker, newest = asking(labeller)
    asker.start()
    until(lambda: len(labeller.clips) == 1)
    folder = labeller.clips[0][0].path.parent
    begun = time.monotonic()
    asker.close()
    asker.close()
    assert time.monotonic() - begun < 20  # not for ever
    assert not folder.exists()
    assert labeller.closed == 1
    assert newest.take() is None
    never.set()


def test_a_provider_that_sleeps_between_requests_gives_up_with_the_stream() -> None:
    labeller = Labeller()
    asker, _ = asking(labeller)
    asleep, given_up = threading.Event(), threading.Event()

    def sleepy(*_: Any, **__: Any) -> Reply:
        try:
            asleep.set()
            labeller.sleep(60.0)
        finally:
            given_up.set()
        raise AssertionError("it slept through")

    labeller.describe = sleepy  # type: ignore[method-assign,assignment]
    asker.start()
    assert asleep.wait(20)
    begun = time.monotonic()
    asker.close()
    assert given_up.wait(20)  # generous beside the minute that it would have slept
    assert time.monotonic() - begun < 30
    assert asker.status().failed == 0


def test_a_disk_without_room_is_a_failure_like_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module.tempfile, "mkdtemp", lambda **_: str(tmp_path / "nowhere"))
    asker, _ = asking(Labeller())
    asker.start()
    until(lambda: asker.status().failed >= 2)
    error = asker.status().last_error
    asker.close()
    assert error is not None
    assert "minute.mp4" in error
