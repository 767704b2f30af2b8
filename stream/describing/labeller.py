"""Asks a labeller about the last minute, again and again, beside a stream that never waits for it."""

import hashlib
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stream.capture.redact import redact
from stream.describing.labellers.provider import Clip, Provider, Reply, Sampling
from stream.describing.last_minute import Film, Minute, lower_priority
from stream.describing.latest import Description, Newest
from stream.errors import DescriptionDenied, DescriptionRefused, DescriptionUnavailable, UndertoneError
from stream.publish.messages import Describing

if TYPE_CHECKING:
    from stream.describing.labellers.prompts import Prompt

LEAST_S = 10.0  # of new video that is worth a question
POLL_S = 0.5  # while there is less
RETRY_S = 5.0  # after the first failure in a row, doubled with each, never more than the usual pause
CLOSE_S = 1.8  # for a question on its way to be called off
_LONGEST = 200  # characters of an error in health

Activity = Literal["waiting", "idle", "sending"]
Render = Callable[[Reply], str]


class Stopped(UndertoneError):
    """The stream has ended: whoever sleeps between two requests gives up."""


class Asker:
    """A thread that asks every ``every_s`` seconds and puts what it hears into ``newest``."""

    def __init__(
        self,
        minute: Minute,
        newest: Newest,
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
        self._provider = provider(self._sleep)
        self._minute, self._newest = minute, newest
        self._prompt, self._sampling, self._render = prompt, sampling, render
        self._every_s, self._least_s, self._retry_s, self._clock = every_s, least_s, retry_s, clock
        self._lock = threading.Lock()  # over everything that health tells
        self._activity: Activity = "waiting"
        self._denied = False
        self._sent = self._answered = self._failed = self._unused = 0
        self._tokens_in = self._tokens_out = 0
        self._in_a_row = 0  # failures
        self._last_error: str | None = None
        self._last_answer: float | None = None  # of the clock
        self._told: tuple[int, float] | None = None  # scene and end of the last film that was answered
        self._folder: Path | None = None
        self._thread = threading.Thread(target=self._work, name="asker", daemon=True)

    def start(self) -> None:
        """Begin; the first question comes after ``every_s``."""
        self._thread.start()

    def status(self) -> Describing:
        """What health says."""
        with self._lock:
            answered = self._last_answer
            return Describing(
                provider=self._provider.name,
                model=self._sampling.model,
                state="denied" if self._denied else "failing" if self._in_a_row else self._activity,
                every_s=self._every_s,
                sent=self._sent,
                answered=self._answered,
                failed=self._failed,
                unused=self._unused,
                tokens_in=self._tokens_in,
                tokens_out=self._tokens_out,
                last_error=self._last_error,
                last_answer_age_s=None if answered is None else round(self._clock() - answered, 1),
            )

    def close(self) -> None:
        """Call off what is on its way, within ``CLOSE_S``; no picture is left behind. Safe to call twice."""
        if self._closing.is_set():
            return
        self._closing.set()
        begun = time.monotonic()
        ending = threading.Thread(target=self._hang_up, name="asker's end", daemon=True)
        ending.start()
        for thread in (ending, self._thread):
            if thread.is_alive():
                thread.join(max(0.0, begun + CLOSE_S - time.monotonic()))
        self._tidy()

    def _hang_up(self) -> None:
        with suppress(Exception):  # whatever a provider in trouble says now, nobody can help it
            self._provider.close()

    def _sleep(self, seconds: float) -> None:
        if self._closing.wait(seconds):
            raise Stopped("the stream has ended")

    def _work(self) -> None:
        lower_priority()
        pause_s = self._every_s
        try:
            while not self._denied and not self._closing.wait(pause_s):
                pause_s = self._turn()
        finally:
            self._minute.close()  # nobody will ask about it any more
            self._tidy()

    def _tidy(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _turn(self) -> float:
        """One question, if there is something to ask about; seconds until the next."""
        film = self._minute.film()
        if film is None or not self._worth(film):
            with self._lock:
                self._activity = "waiting"
            return min(POLL_S, self._every_s)
        begun = self._clock()
        with self._lock:
            self._sent += 1
            self._activity = "sending"
        try:
            self._hear(film, self._ask(film))
        except Exception as error:  # the rim of the thread: a labeller in trouble is told, never the end
            return self._fail(error)
        return max(0.0, self._every_s - (self._clock() - begun))

    def _worth(self, film: Film) -> bool:
        told = self._told
        known = told is not None and told[0] == film.scene
        new_s = film.end - told[1] if known and told is not None else film.seconds
        return new_s >= self._least_s

    def _ask(self, film: Film) -> Reply:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="undertone-"))  # for this user alone
        path = self._folder / "minute.mp4"
        if not film.write(path, self._closing):
            raise Stopped("the stream has ended")
        try:
            clip = Clip(path, hashlib.sha256(path.read_bytes()).hexdigest(), film.seconds)
            return self._provider.describe(clip, self._prompt, self._sampling)
        finally:
            path.unlink(missing_ok=True)

    def _hear(self, film: Film, reply: Reply) -> None:
        text = self._render(reply).encode("utf-8", "replace").decode()  # half a character ends no lane
        self._told = (film.scene, film.end)
        self._newest.put(Description(text, film.end, film.scene))
        with self._lock:
            self._answered += 1
            self._unused += film.scene != self._minute.scene
            self._tokens_in += reply.tokens_in
            self._tokens_out += reply.tokens_out
            self._last_answer, self._last_error = self._clock(), None
            self._activity, self._in_a_row = "idle", 0

    def _fail(self, error: Exception) -> float:
        if self._closing.is_set():
            return 0.0
        known = isinstance(error, UndertoneError)
        said = redact(str(error) if known else f"{type(error).__name__}: {error}")
        with self._lock:
            self._failed += 1
            self._in_a_row += 1
            self._denied = isinstance(error, DescriptionDenied)
            self._last_error = "".join(c if c.isprintable() else " " for c in said)[:_LONGEST]
            self._activity = "idle"
            if isinstance(error, DescriptionRefused):  # at once it would say the same
                return self._every_s
            wished = error.retry_after_s if isinstance(error, DescriptionUnavailable) else None
            return min(self._every_s, max(wished or 0.0, self._retry_s * 2.0 ** (self._in_a_row - 1)))
