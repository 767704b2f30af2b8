"""What a labeller was asked, what came of it, and what it cost: the labeller's part of a health message."""

import threading
import time
from collections.abc import Callable
from typing import Literal

from stream.describing.labellers.provider import Reply
from stream.publish.messages import Describing

Activity = Literal["waiting", "idle", "sending"]


class Tally:
    """Counts of requests; any thread may read them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.denied = False  # no retry can succeed
        self.failed_in_a_row = 0
        self.lock = threading.Lock()  # over everything here
        self._clock = clock
        self._activity: Activity = "waiting"
        self._sent = self._answered = self._failed = self._unused = 0
        self._tokens = (0, 0)  # in, out
        self._last_error: str | None = None
        self._last_answer: float | None = None  # of the clock

    def wait(self) -> None:
        """There is too little new video for a request."""
        with self.lock:
            self._activity = "waiting"

    def send(self) -> None:
        """A request leaves."""
        with self.lock:
            self._sent += 1
            self._activity = "sending"

    def answer(self, reply: Reply, *, used: bool) -> None:
        """Its answer came; not ``used`` when it speaks of an earlier scene."""
        with self.lock:
            self._answered += 1
            self._unused += not used
            self._tokens = (self._tokens[0] + reply.tokens_in, self._tokens[1] + reply.tokens_out)
            self._last_answer, self._last_error = self._clock(), None
            self._activity, self.failed_in_a_row = "idle", 0

    def fail(self, reason: str, *, denied: bool) -> None:
        """It failed for ``reason``; ``denied``: so will every other."""
        with self.lock:
            self._failed += 1
            self.failed_in_a_row += 1
            self.denied = denied
            self._last_error = reason
            self._activity = "idle"

    def status(self, labeller: str, model: str, every_s: float) -> Describing:
        """The record for a health message."""
        with self.lock:
            answered = self._last_answer
            return Describing(
                provider=labeller,
                model=model,
                state="denied" if self.denied else "failing" if self.failed_in_a_row else self._activity,
                every_s=every_s,
                sent=self._sent,
                answered=self._answered,
                failed=self._failed,
                unused=self._unused,
                tokens_in=self._tokens[0],
                tokens_out=self._tokens[1],
                last_error=self._last_error,
                last_answer_age_s=None if answered is None else round(self._clock() - answered, 1),
            )
