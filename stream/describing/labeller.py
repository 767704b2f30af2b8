"""Asks a labeller about the last minute at regular intervals, beside a stream that never waits for it."""

import hashlib
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stream.capture.redact import redact
from stream.describing.labellers.provider import Clip, Provider, Reply, Sampling
from stream.describing.last_minute import Film, LastMinute, lower_priority
from stream.describing.latest import Description, LatestDescription
from stream.describing.tally import Tally
from stream.errors import DescriptionDenied, DescriptionRefused, DescriptionUnavailable, UndertoneError
from stream.publish.messages import Describing

if TYPE_CHECKING:
    from stream.describing.labellers.prompts import Prompt

LEAST_S = 10.0  # of new video that make a request worth while
POLL_S = 0.5  # between two looks while there is less
RETRY_S = 5.0  # after the first failure in a row, doubled with each, never more than the usual interval
CLOSE_S = 1.8  # to cancel a request
_LONGEST = 200  # characters of an error in health

Render = Callable[[Reply], str]


class Stopped(UndertoneError):
    """The stream has ended: a labeller that sleeps between two requests gives up."""


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked, and how the answer becomes text."""

    prompt: "Prompt"
    sampling: Sampling
    render: Render


@dataclass(frozen=True, slots=True)
class _Intervals:
    """Seconds; see the constants above."""

    every_s: float
    least_s: float
    retry_s: float


class LabellerThread:
    """A thread that asks every ``every_s`` seconds and puts each answer into ``newest``."""

    def __init__(
        self,
        minute: LastMinute,
        newest: LatestDescription,
        provider: Callable[[Callable[[float], None]], Provider],  # given a sleep that ends with the stream
        prompt: "Prompt",
        sampling: Sampling,
        render: Render,
        *,
        every_s: float,
        least_s: float = LEAST_S,
        retry_s: float = RETRY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing starts before ``start``. Raises what ``provider`` raises."""
        self._closing = threading.Event()
        self._labeller = provider(self._sleep)
        self._minute, self._newest, self._clock = minute, newest, clock
        self._question = _Question(prompt, sampling, render)
        self._intervals = _Intervals(every_s, least_s, retry_s)
        self._tally = Tally(clock)
        self._answered: tuple[int, float] | None = None  # scene and end of the last film that was answered
        self._folder: Path | None = None
        self._thread = threading.Thread(target=self._work, name="labeller", daemon=True)

    def start(self) -> None:
        """Start the thread; the first request leaves after ``every_s``."""
        self._thread.start()

    def status(self) -> Describing:
        """The labeller's part of a health message."""
        return self._tally.status(self._labeller.name, self._question.sampling.model, self._intervals.every_s)

    def close(self) -> None:
        """Cancel a request within ``CLOSE_S`` and delete all pictures. Safe to call twice."""
        if self._closing.is_set():
            return
        self._closing.set()
        deadline = time.monotonic() + CLOSE_S
        ending = threading.Thread(target=self._hang_up, name="labeller's end", daemon=True)
        ending.start()
        for thread in (ending, self._thread):
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))
        self._tidy()

    def _hang_up(self) -> None:
        with suppress(Exception):  # the run ends: an error of the labeller's own changes nothing any more
            self._labeller.close()

    def _sleep(self, seconds: float) -> None:
        if self._closing.wait(seconds):
            raise Stopped("the stream has ended")

    def _work(self) -> None:
        lower_priority()
        pause_s = self._intervals.every_s
        try:
            while not self._tally.denied and not self._closing.wait(pause_s):
                pause_s = self._round()
        finally:
            self._minute.close()  # no further request will need it
            self._tidy()

    def _tidy(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _round(self) -> float:
        """One request, if there is enough new video; returns seconds until the next round."""
        film, every_s = self._minute.film(), self._intervals.every_s
        if film is None or not self._has_enough(film):
            self._tally.wait()
            return min(POLL_S, every_s)
        started = self._clock()
        self._tally.send()
        try:
            self._accept(film, self._ask(film))
        except Exception as error:  # a failing labeller is reported, it never ends the run
            return self._fail(error)
        return max(0.0, every_s - (self._clock() - started))

    def _has_enough(self, film: Film) -> bool:
        if self._answered is None or self._answered[0] != film.scene:
            new_s = film.seconds
        else:
            new_s = film.end - self._answered[1]
        return new_s >= self._intervals.least_s

    def _ask(self, film: Film) -> Reply:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="undertone-"))  # for this user alone
        path = self._folder / "minute.mp4"
        if not film.write(path, self._closing):
            raise Stopped("the stream has ended")
        try:
            clip = Clip(path, hashlib.sha256(path.read_bytes()).hexdigest(), film.seconds)
            return self._labeller.describe(clip, self._question.prompt, self._question.sampling)
        finally:
            path.unlink(missing_ok=True)

    def _accept(self, film: Film, reply: Reply) -> None:
        # A lone surrogate would fail wherever the text is encoded next.
        text = self._question.render(reply).encode("utf-8", "replace").decode()
        self._answered = (film.scene, film.end)
        self._newest.put(Description(text, film.end, film.scene))
        self._tally.answer(reply, used=film.scene == self._minute.scene)

    def _fail(self, error: Exception) -> float:
        """Report a failed request; returns seconds until the next."""
        if self._closing.is_set():
            return 0.0
        every_s = self._intervals.every_s
        reason = redact(
            str(error) if isinstance(error, UndertoneError) else f"{type(error).__name__}: {error}"
        )
        reason = "".join(c if c.isprintable() else " " for c in reason)[:_LONGEST]
        self._tally.fail(reason, denied=isinstance(error, DescriptionDenied))
        if isinstance(error, DescriptionRefused):  # a retry at once would be refused again
            return every_s
        wished_s = error.retry_after_s if isinstance(error, DescriptionUnavailable) else None
        doubled_s = self._intervals.retry_s * 2.0 ** (self._tally.failed_in_a_row - 1)
        return min(every_s, max(wished_s or 0.0, doubled_s))
