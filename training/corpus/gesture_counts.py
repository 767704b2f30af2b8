"""What the gestures of a corpus are like: counts, durations, overlap, and what does not fit the videos."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.bundle.manifest import Record
from training.corpus.gestures import CLASSES, HIDDEN, ILLUSTRATIVE, NAMES, Rows, cover, inside, lengths
from training.corpus.recording import Recording


class Duration(Record, frozen=True, kw_only=True):
    """Seconds: the median and the 5 % and 95 % quantiles."""

    median: float
    p5: float
    p95: float


class GestureCounts(Record, frozen=True, kw_only=True):
    """Of all recordings that have gestures. Shares are 0..1."""

    recordings: int
    gestures: int
    hidden: int  # of a class that the release does not tell
    classes: dict[int, int]  # gestures by class, only those that occur
    ratio: float  # most frequent over rarest of the classes that occur; 0 without any
    illustrative: float  # share of class 31 among those whose class is known: what "always 31" scores
    duration: Duration
    durations: dict[int, Duration]  # by class
    covered: float  # share of ticks under at least one gesture
    overlap: float  # share of the covered ticks under two or more
    outside: int  # gestures that end after their video
    unseen: float  # share of ticks inside gestures where no point is valid


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What one recording adds to the counts."""

    rows: Rows
    ticks: int
    covered: int
    overlapping: int
    outside: int
    unseen: int  # covered ticks without any valid point


def look(recording: Recording) -> Looked | None:
    """None for a recording without a gesture track; an empty track counts as one."""
    rows = recording.gestures
    if rows is None:
        return None
    under = cover(rows, recording.ticks)
    seen = (recording.valid & recording.present[:, None]).any(1)
    return Looked(
        rows=rows,
        ticks=recording.ticks,
        covered=int((under > 0).sum()),
        overlapping=int((under > 1).sum()),
        outside=int((~inside(rows, recording.ticks)).sum()),
        unseen=int(((under > 0) & ~seen).sum()),
    )


def counts(looked: Iterable[Looked | None], rate: float = 25.0) -> GestureCounts | None:
    """The counts of a corpus; None where no recording has gestures."""
    found = [one for one in looked if one is not None]
    if not found:
        return None
    rows = np.concatenate([one.rows for one in found])
    kinds, seconds = rows[:, 0], lengths(rows) / rate
    by_class = {c: int((kinds == c).sum()) for c in range(CLASSES) if (kinds == c).any()}
    covered = sum(one.covered for one in found)
    known = max(sum(by_class.values()), 1)
    return GestureCounts(
        recordings=len(found),
        gestures=len(rows),
        hidden=int((kinds == HIDDEN).sum()),
        classes=by_class,
        ratio=max(by_class.values()) / min(by_class.values()) if by_class else 0.0,
        illustrative=by_class.get(ILLUSTRATIVE, 0) / known,
        duration=_duration(seconds),
        durations={c: _duration(seconds[kinds == c]) for c in by_class},
        covered=covered / max(sum(one.ticks for one in found), 1),
        overlap=sum(one.overlapping for one in found) / max(covered, 1),
        outside=sum(one.outside for one in found),
        unseen=sum(one.unseen for one in found) / max(covered, 1),
    )


def _duration(seconds: NDArray[np.float64]) -> Duration:
    low, middle, high = np.quantile(seconds, (0.05, 0.5, 0.95)).tolist() if len(seconds) else (0.0, 0.0, 0.0)
    return Duration(median=middle, p5=low, p95=high)


def lines(counts: GestureCounts) -> list[str]:
    """The counts as text, one fact a line."""
    hidden = f", {counts.hidden} of a hidden class" if counts.hidden else ""
    found = [
        f"gestures: {counts.gestures} in {counts.recordings} recordings{hidden}",
        f"  lasting     {_lasting(counts.duration)}",
        f"  covered     {counts.covered:.1%} of the time, {counts.overlap:.1%} of that by several at once",
        f"  outside     {counts.outside} end after their video",
        f"  unseen      {counts.unseen:.1%} of the ticks inside gestures have no point",
        f"  imbalance   {counts.ratio:.0f} to 1; always illustrative: {counts.illustrative:.1%} top-1",
    ]
    for c, n in counts.classes.items():
        found.append(f"  {c:>2} {NAMES[c]:<45} {n:>6}  {_lasting(counts.durations[c])}")
    return found


def _lasting(d: Duration) -> str:
    return f"median {d.median:.2f} s, 5 % {d.p5:.2f} s, 95 % {d.p95:.2f} s"
