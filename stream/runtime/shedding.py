"""Which work a live stream leaves out while the machine does not keep up, and when it takes it up again.

| level | left out, in this order | what it costs |
|---|---|---|
| 1 | every second image feature | the image branch sees half as many |
| 2 | every second estimate | the confidence is renewed half as often |
| 3 | the hands | 42 points are missing |
| 4 | every second frame | half of the ticks are missing |

Buffers alone decide: frames that lost their place before they were looked at, portraits and ticks that wait.
No announced frame rate counts. `LOOKS_UP` looks in a row with a full buffer raise the level by one,
`LOOKS_DOWN` with none that is even half full lower it. While anything is left out, what would be ok is
``degraded``.
"""

from dataclasses import dataclass, replace

ORDER = ("every second image feature", "every second estimate", "the hands", "every second frame")
FEATURES, ESTIMATES, HANDS, FRAMES = range(1, 5)  # the level from which each is left out
LOOK_S = 1.0
LOOKS_UP, LOOKS_DOWN = 3, 10


@dataclass(frozen=True, slots=True)
class Buffers:
    """What waits, and what lost its place since the last look."""

    frames: int = 0  # ticks without an observation because newer frames took their place
    portraits: int = 0  # for the image encoder
    hops: float = 0.0  # hops between the newest observation and the newest estimate


FULL = Buffers(frames=13, portraits=25, hops=6.0)  # half of the ticks, 5 s of features
CALM = Buffers(frames=3, portraits=5, hops=2.0)


@dataclass(frozen=True, slots=True)
class Load:
    """The level, and for how many looks in a row buffers have been full or calm."""

    level: int = 0
    full: int = 0
    calm: int = 0

    @property
    def reason(self) -> str | None:
        """Why an estimate is worth less; None at level 0."""
        left_out = ", ".join(ORDER[: self.level])
        return f"the machine does not keep up: without {left_out}" if self.level else None


def look(load: Load, buffers: Buffers) -> Load:
    """The load after one more look."""
    if _reaches(buffers, FULL):
        full = load.full + 1
        if full < LOOKS_UP:
            return replace(load, full=full, calm=0)
        return Load(min(load.level + 1, len(ORDER)))
    if _exceeds(buffers, CALM):
        return replace(load, full=0, calm=0)
    calm = load.calm + 1
    if calm < LOOKS_DOWN:
        return replace(load, full=0, calm=calm)
    return Load(max(load.level - 1, 0))


def _reaches(found: Buffers, most: Buffers) -> bool:
    return found.frames >= most.frames or found.portraits >= most.portraits or found.hops >= most.hops


def _exceeds(found: Buffers, most: Buffers) -> bool:
    return found.frames > most.frames or found.portraits > most.portraits or found.hops > most.hops


class Gauge:
    """Reads the buffers of a run, once every `LOOK_S`; ``load`` may be read from any thread."""

    def __init__(self) -> None:
        self.load = Load()
        self._before = (0, -1, 0)  # frames skipped, newest tick, observations at the last look

    def look(self, skipped: int, tick: int, observed: int, portraits: int, hops: float) -> Load:
        """``skipped`` frames and ``observed`` ticks count from the start; see `Buffers`."""
        before, self._before = self._before, (skipped, tick, observed)
        unseen = (tick - before[1]) - (observed - before[2])  # of a fast source, skipped frames cost no tick
        frames = min(skipped - before[0], max(0, unseen))
        self.load = look(self.load, Buffers(frames, portraits, hops))
        return self.load
