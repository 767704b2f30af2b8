"""What the chain says about itself: stage timings, counts, rates and memory, for the health message."""

import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Literal, TypedDict

from stream.publish.messages import StageTimes

RECENT = 512  # timings kept of each stage
SPAN_S = 5.0  # rates look this far back
BUCKET_S = 0.25

Rate = Literal["fps_in", "fps_observed", "estimates_per_s"]
_RATES: tuple[Rate, ...] = ("fps_in", "fps_observed", "estimates_per_s")
_DROPPED = "dropped."


class Figures(TypedDict):
    """The part of ``Health`` that telemetry knows: ``Health(run=…, …, **telemetry.snapshot())``."""

    fps_in: float
    fps_observed: float
    estimates_per_s: float
    dropped: dict[str, int]
    stalls: int
    reconnects: int
    late: int
    stages_ms: dict[str, StageTimes]
    rss_mb: float


class Meter:
    """Events a second over the last ``SPAN_S`` seconds; not locked, memory bounded by the buckets."""

    def __init__(self) -> None:
        self._started: float | None = None
        self._buckets: deque[tuple[int, int]] = deque()  # index on a grid of BUCKET_S, events in it

    def mark(self, now: float, n: int = 1) -> None:
        if self._started is None:
            self._started = now  # the first one opens the first interval and ends none
            n -= 1
        index = math.floor(now / BUCKET_S)
        if self._buckets and self._buckets[-1][0] == index:
            n += self._buckets.pop()[1]
        self._buckets.append((index, n))
        self._forget(now)

    def rate(self, now: float) -> float:
        if self._started is None:
            return 0.0
        oldest = self._forget(now)
        elapsed = now - max(self._started, oldest * BUCKET_S)
        return sum(n for _, n in self._buckets) / max(elapsed, BUCKET_S)  # no spike after the very first

    def _forget(self, now: float) -> int:
        """Drops buckets that began more than SPAN_S ago; the index of the oldest one that may stay."""
        oldest = math.ceil((now - SPAN_S) / BUCKET_S)
        while self._buckets and self._buckets[0][0] < oldest:
            self._buckets.popleft()
        return oldest


class Telemetry:
    """Collects from every thread; ``clock`` is monotonic seconds.

    Counts are free names; ``snapshot`` reads ``stalls``, ``reconnects``, ``late`` and ``dropped.<cause>``.
    ``child_pid`` (None while there is none) is added to the memory figure.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, child_pid: int | None = None) -> None:
        self.child_pid = child_pid
        self._clock = clock
        self._lock = threading.Lock()
        self._stages: dict[str, deque[float]] = {}
        self._counts: dict[str, int] = {}
        self._meters = {name: Meter() for name in _RATES}

    def stage(self, name: str, ms: float) -> None:
        with self._lock:
            recent = self._stages.get(name)
            if recent is None:
                recent = self._stages[name] = deque(maxlen=RECENT)
            recent.append(float(ms))

    def stages(self, timings_ms: dict[str, float]) -> None:
        """All timings of an observation or an estimate at once."""
        for name, ms in timings_ms.items():
            self.stage(name, ms)

    def count(self, name: str, n: int = 1) -> None:
        with self._lock:
            self._counts[name] = self._counts.get(name, 0) + int(n)

    def total(self, name: str, n: int) -> None:
        """Sets a count that somebody else keeps, such as the decoder's drops."""
        with self._lock:
            self._counts[name] = int(n)

    def mark(self, name: Rate, n: int = 1) -> None:
        """``n`` more of what ``name`` is the rate of."""
        with self._lock:
            self._meters[name].mark(self._clock(), n)

    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)

    def percentiles(self) -> dict[str, StageTimes]:
        with self._lock:
            recent = {name: list(values) for name, values in self._stages.items()}
        return {
            name: StageTimes(p50=_percentile(values, 50), p99=_percentile(values, 99))
            for name, values in recent.items()
        }

    def rss_mb(self) -> float:
        pids = [os.getpid()] if self.child_pid is None else [os.getpid(), self.child_pid]
        return rss_mb(pids)

    def snapshot(self) -> Figures:
        with self._lock:
            now = self._clock()
            rates = {name: round(meter.rate(now), 2) for name, meter in self._meters.items()}
        counts = self.counts()
        return Figures(
            fps_in=rates["fps_in"],
            fps_observed=rates["fps_observed"],
            estimates_per_s=rates["estimates_per_s"],
            dropped={n.removeprefix(_DROPPED): c for n, c in counts.items() if n.startswith(_DROPPED)},
            stalls=counts.get("stalls", 0),
            reconnects=counts.get("reconnects", 0),
            late=counts.get("late", 0),
            stages_ms=self.percentiles(),
            rss_mb=round(self.rss_mb(), 1),
        )


def _percentile(values: list[float], percent: int) -> float:
    """Nearest rank: always a value that was measured. At least one value."""
    values = sorted(values)
    return round(values[math.ceil(len(values) * percent / 100) - 1], 3)


def rss_mb(pids: Iterable[int]) -> float:
    """Resident megabytes (10⁶ bytes) of some processes together, shared pages counted in each.

    Reads Linux's ``/proc/<pid>/statm`` (proc(5)); a process that is gone, or another system, counts as 0.
    """
    pages = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/statm", "rb") as file:
                pages += int(file.read().split()[1])
        except (OSError, IndexError):  # gone, or going
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
