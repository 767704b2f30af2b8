"""How fast a source is played, and how often an estimate is made."""

import math

from stream.capture.source import Source
from stream.errors import UsageError
from stream.runtime.analyzer import Analyzer
from stream.runtime.announcer import Pace

DUTY = 0.6  # share of one core that the slow lane may ask for at live pace


def pace_of(source: Source, asked: str | None = None) -> Pace:
    """``live`` (newest frame wins) or ``fast`` (nothing lost); None: what suits the source.

    Raises UsageError for another word, and for ``fast`` with a source that does not wait.
    """
    if asked not in (None, "live", "fast"):
        raise UsageError(f"--pace: expected live or fast, found {asked!r}; choose one of these.")
    if asked == "fast" and source.live and source.kind != "pattern":
        raise UsageError(
            f"--pace: expected live for {source.name}, found fast; "
            "a live source does not wait, leave the option out."
        )
    if asked is None:
        return "live" if source.live or source.kind == "demo" else "fast"
    return "fast" if asked == "fast" else "live"


def hop_of(analyzer: Analyzer, pace: Pace, asked: int | None = None) -> int:
    """Ticks between estimates: ``asked``, or the bundle's, raised at live pace until the machine keeps up."""
    if asked is not None:
        return asked
    hop = analyzer.bundle.manifest.modes[analyzer.mode].hop
    return hop if pace == "fast" else live_hop(hop, analyzer.update_cost_s(), analyzer.spec.rate)


def live_hop(hop: int, estimate_s: float, rate: float) -> int:
    """The manifest's hop, or the smallest multiple of 5 ticks at which estimates leave room for the rest."""
    needed = estimate_s / DUTY * rate
    return hop if needed <= hop else math.ceil(needed / 5) * 5
