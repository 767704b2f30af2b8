"""How much may be asked, and how fast."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stream.describing.labellers.provider import Meter
from training.labelling.ledger import Ledger, Spent


class Stopped(Exception):
    """No further request; ``str()`` is why, empty for somebody else's reason."""


@dataclass(frozen=True, slots=True)
class Price:
    """Of a million tokens, in whatever currency."""

    tokens_in: float
    tokens_out: float

    def of(self, tokens_in: int, tokens_out: int) -> float:
        return (tokens_in * self.tokens_in + tokens_out * self.tokens_out) / 1e6


class Spacing:
    """Requests at even distances, not more than ``per_minute``; without it none waits."""

    def __init__(self, per_minute: float | None, clock: Callable[[], float]) -> None:
        self._space_s = 60 / per_minute if per_minute else 0.0
        self._clock, self._next_at = clock, clock()

    def wait_s(self) -> float:
        """Takes the next place; the seconds until it is due."""
        now = self._clock()
        at = max(now, self._next_at)
        self._next_at = at + self._space_s
        return at - now


class Budget(Meter):
    """Counts requests and tokens, spaces requests evenly, and raises Stopped at the limit.

    With a ledger the limits are of every run in its folder, whatever came of their requests.

    A video is started, and leaves this machine, only where the request and the tokens that it will take are
    still there; what its answer adds may go past the tokens by as much. A started video is finished.
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
        self._full = False  # no further video is started
        self._unasked, self._mine = 0, threading.local()  # videos that were started and not yet asked about

    def go_on_from(self, ledger: Ledger) -> None:
        """Count what earlier runs have spent, and note there what this one spends."""
        self._before, self._ledger = ledger.spent, ledger

    @property
    def mine(self) -> Spent:
        """What the video has cost that this thread asks about."""
        return getattr(self._mine, "spent", Spent())

    @property
    def stopping(self) -> bool:
        return self._full or self._stop.is_set()

    def stop(self, reason: str = "") -> None:
        """Let no further request pass and end all waiting."""
        self.stopped_by = self.stopped_by or reason
        self._stop.set()

    def sleep(self, seconds: float) -> None:
        """Wait, but not beyond the end of the run: raises Stopped then."""
        if self._stop.wait(seconds):
            raise Stopped

    def request(self) -> None:
        """See Meter."""
        with self._lock:
            if self._stop.is_set():
                raise Stopped(self.stopped_by)
            first = getattr(self._mine, "first", False)
            others = self._unasked - first  # theirs is kept for them, also where this one asks again
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
        self._mine.spent = self.mine + spent
        if self._ledger is not None:
            self._ledger.add(spent)

    def _check(self, what: str, wanted: int) -> None:
        most = self._most[what]
        if most is not None and wanted > most:
            before = getattr(self._before, what)
            earlier = f", {before} of them in earlier runs" if before else ""
            self.stopped_by = self.stopped_by or f"the budget of {most} {what}{earlier}"
            self._full = True
            raise Stopped(self.stopped_by)
