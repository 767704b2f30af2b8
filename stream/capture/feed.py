"""Frames of a source for as long as it lasts: a file once, a live source again and again.

A live source that breaks, stalls beyond its time-out or loses its decoder is opened again, after waits that
grow and vary. The outage stays in the frames as what it was: the next frame begins a new scene, and its time
lies as far behind the last one's as the wall clock went on.
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from stream.capture.capture import Capture
from stream.errors import SourceError
from stream.records import Frame

FIRST_RETRY_S, LONGEST_RETRY_S = 0.25, 3.0  # waits between attempts, doubled each time …
TIRED_AFTER_S, TIRED_RETRY_S = 600.0, 15.0  # … and these once it has been away for long
JITTER = 0.2  # share by which a wait varies, so that many clients do not return at once
POLL_S = 0.1
STEP_S = 0.04  # from the last frame before an outage to the first after it, at least
# No retry can succeed; once a source has played, only these: what was there may come back.
PERMANENT = frozenset({"auth", "not_found", "forbidden", "codec", "no_video", "unreadable"})
PERMANENT_ONCE_PLAYED = frozenset({"auth"})

_COUNTS = ("errors", "stalls", "segments")  # beside the frames that were dropped


@dataclass(frozen=True, slots=True)
class Outage:
    """A live source that broke, or came back."""

    reason: str
    seconds: float = 0.0  # it was away
    attempts: int = 0


class Feed:
    """One source; ``frames`` in one thread, ``counters`` and ``child_pid`` from any."""

    def __init__(
        self,
        new_capture: Callable[[], Capture],
        *,
        live: bool,
        wait: bool = False,
        give_up_s: float | None = None,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        on_lost: Callable[[Outage], None] = lambda outage: None,
        on_back: Callable[[Outage], None] = lambda outage: None,
    ) -> None:
        """``live``: the end of it is a fault and not an end. ``wait``: retry from the start as well.

        ``give_up_s``: seconds without a frame after which it is given up; None: never. ``sleep`` returns
        early when the run is stopped.
        """
        self._new_capture = new_capture
        self._live, self._wait, self._give_up_s = live, wait, give_up_s
        self._sleep, self._clock = sleep, clock
        self._on_lost, self._on_back = on_lost, on_back
        self._capture: Capture | None = None
        self._past: dict[str, Any] = {
            "dropped": {},
            **dict.fromkeys(_COUNTS, 0),
        }  # of captures that are closed
        self.reconnects = 0

    @property
    def child_pid(self) -> int | None:
        """Process id of the decoder, if there is one."""
        return None if self._capture is None else self._capture.child_pid

    @property
    def counters(self) -> dict[str, Any]:
        """Those of `Capture.counters` that count losses, of all attempts together."""
        past, capture = self._past, self._capture
        return past if capture is None else _sum(past, capture.counters)

    def frames(self, over: Callable[[], bool]) -> Iterator[Frame]:
        """Every frame until the source ends, is given up, or ``over()``.

        Raises SourceError: at once for a source that cannot be opened, unless it is waited for; for a live
        one that has played only when it is given up, or when no retry can succeed.
        """
        last: Frame | None = None
        lost_at, attempts = self._clock(), 0
        while not over():
            broken: SourceError | None = None
            shift, capture = 0.0, self._new_capture()
            self._capture = capture
            try:
                if not capture.open(over):
                    return
                back = last is not None
                for frame in capture.frames(over, POLL_S):
                    if back and last is not None:
                        gap_s = max(frame.captured - last.captured, STEP_S)
                        shift = last.pts + gap_s - frame.pts
                        self.reconnects += 1
                        self._on_back(Outage("", self._clock() - lost_at, attempts))
                    if shift or back:
                        frame = replace(
                            frame, pts=frame.pts + shift, discontinuity=back or frame.discontinuity
                        )
                    back = False
                    last, attempts = frame, 0
                    yield frame
            except SourceError as error:
                broken = error
            finally:
                self._close(capture)
            finite = capture.info is not None and capture.info.duration_s is not None
            if over() or (broken is None and (not self._live or finite)):
                return
            broken = broken or SourceError(f"{capture.source.name} broke off; check that it is running")
            if attempts == 0:
                lost_at = self._clock()
                if last is not None and self._live:
                    self._on_lost(Outage(str(broken)))
            attempts += 1
            self._retry(broken, last is not None, self._clock() - lost_at, attempts)

    def _retry(self, broken: SourceError, played: bool, away_s: float, attempts: int) -> None:
        """Wait before the next attempt; raises ``broken`` where there is none."""
        hopeless = PERMANENT_ONCE_PLAYED if played else PERMANENT
        if not (self._wait or (self._live and played)) or broken.code in hopeless:
            raise broken
        if self._give_up_s is not None and away_s >= self._give_up_s:
            raise SourceError(f"gave up: {broken}", code=broken.code) from broken
        longest = LONGEST_RETRY_S if away_s < TIRED_AFTER_S else TIRED_RETRY_S
        wait = min(FIRST_RETRY_S * 2.0 ** min(attempts - 1, 20), longest)
        if self._give_up_s is not None:
            wait = min(wait, self._give_up_s - away_s + 0.01)
        self._sleep(wait * random.uniform(1 - JITTER, 1 + JITTER))

    def _close(self, capture: Capture) -> None:
        capture.close()
        self._past, self._capture = _sum(self._past, capture.counters), None


def _sum(past: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    causes = {*past["dropped"], *now["dropped"]}
    return {
        "dropped": {c: past["dropped"].get(c, 0) + now["dropped"].get(c, 0) for c in sorted(causes)},
        **{name: past[name] + now[name] for name in _COUNTS},
    }
