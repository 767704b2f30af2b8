"""Limits on the number, rate and cost of requests."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stream.describing.labellers.provider import Meter
from training.labelling.ledger import Ledger, Spent


class Stopped(Exception):
    """No further request is allowed; ``str()`` is the reason, or empty if another thread reported it."""


@dataclass(frozen=True, slots=True)
class Price:
    """Price per million tokens, in any currency."""

    tokens_in: float
    tokens_out: float

    def of(self, tokens_in: int, tokens_out: int) -> float:
        return (tokens_in * self.tokens_in + tokens_out * self.tokens_out) / 1e6


class Spacing:
    """Spaces requests evenly, at most ``per_minute``; without a limit none waits."""

    def __init__(self, per_minute: float | None, clock: Callable[[], float]) -> None:
        self._space_s = 60 / per_minute if per_minute else 0.0
        self._clock, self._next_at = clock, clock()

    def wait_s(self) -> float:
        """Reserve the next time slot; returns the seconds until it is due."""
        now = self._clock()
        at = max(now, self._next_at)
        self._next_at = at + self._space_s
        return at - now


class Budget(Meter):
    """Counts requests and tokens, spaces requests evenly, and raises Stopped at the limit.

    With a ledger the limits cover all runs in its folder, including failed requests.

    A video is only started, and leaves this machine, if its request and its input tokens are within the
    limits; the tokens of its answer may exceed them. A started video is finished.
    """

    def __init__(
        self,
        *,
        max_requests: int | None = None,
        max_tokens: int | None = None,
        per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spent_now = Spent()  # in this run
        self.stopped_by = ""
        self._before = Spent()  # in earlier runs
        self._ledger: Ledger | None = None
        self._most = {"requests": max_requests, "tokens": max_tokens}
        self._spacing, self._reserved = Spacing(per_minute, clock), 0
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._full = False  # start no further video
        self._unasked, self._mine = 0, threading.local()  # videos started but not yet requested

    def resume_from(self, ledger: Ledger) -> None:
        """Count the cost of earlier runs, and record this run's in the ledger."""
        self._before, self._ledger = ledger.spent, ledger

    @property
    def spent_on_video(self) -> Spent:
        """The cost so far of this thread's current video."""
        return getattr(self._mine, "spent", Spent())

    @property
    def stopping(self) -> bool:
        return self._full or self._stop.is_set()

    def stop(self, reason: str = "") -> None:
        """Allow no further request and end all waiting."""
        self.stopped_by = self.stopped_by or reason
        self._stop.set()

    def sleep(self, seconds: float) -> None:
        """Wait; raises Stopped if the run ends meanwhile."""
        if self._stop.wait(seconds):
            raise Stopped

    def request(self) -> None:
        """See Meter."""
        with self._lock:
            if self._stop.is_set():
                raise Stopped(self.stopped_by)
            first = getattr(self._mine, "first", False)
            others = self._unasked - first  # reserved for them, even if this video needs another request
            so_far = self._before + self.spent_now
            self._check("requests", so_far.requests + others + 1)
            self._check("tokens", so_far.tokens + 1)
            self._unasked, self._mine.first = others, False
            self._add(Spent(requests=1))
            wait_s = self._spacing.wait_s()
        self.sleep(wait_s)

    def spent(self, tokens_in: int, tokens_out: int) -> None:
        """See Meter. Tokens that the service did not count are estimated, or there would be no limit."""
        counted = tokens_in > 0  # no request is without a prompt
        if not counted:
            tokens_in, answer = getattr(self._mine, "usual", (0, 0))
            tokens_out = tokens_out or answer
        with self._lock:
            self._add(Spent(0, tokens_in, tokens_out, estimated=int(not counted)))

    @contextmanager
    def reserved(self, tokens: int, answer: int = 0) -> Iterator[None]:
        """Around everything that one video takes, in the thread that asks about it: about ``tokens`` a
        request, and ``answer`` for what it says."""
        with self._lock:
            if self.stopping:
                raise Stopped(self.stopped_by)
            so_far = self._before + self.spent_now
            self._check("requests", so_far.requests + self._unasked + 1)
            self._check("tokens", so_far.tokens + self._reserved + tokens)
            self._reserved, self._unasked, self._mine.first = self._reserved + tokens, self._unasked + 1, True
            self._mine.spent, self._mine.usual = Spent(), (tokens, answer)
        try:
            yield
        finally:
            with self._lock:
                self._reserved -= tokens
                self._unasked -= self._mine.first
                self._mine.first = False

    def _add(self, spent: Spent) -> None:
        self.spent_now += spent
        self._mine.spent = self.spent_on_video + spent
        if self._ledger is not None:
            self._ledger.add(spent)

    def _check(self, what: str, needed: int) -> None:
        most = self._most[what]
        if most is not None and needed > most:
            before = getattr(self._before, what)
            earlier = f", {before} of them in earlier runs" if before else ""
            self.stopped_by = self.stopped_by or f"the budget of {most} {what}{earlier}"
            self._full = True
            raise Stopped(self.stopped_by)
