"""The messages of schema 1, field by field; ``stream/schema`` publishes them as JSON Schema.

Within a version only optional fields are added, left out of a message while they have no value; readers
refuse fields that they do not know.
"""

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct

from stream.records import Estimate, State, WindowFigures

VERSION = 1
BRANCHES = ("keypoints", "image", "text")

Mode = Literal["ring", "full"]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]
Rate = Annotated[float, Meta(ge=0)]
Name = Annotated[str, Meta(min_length=1)]
Timestamp = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        description="UTC wall clock with milliseconds",
        examples=["2026-05-01T12:00:03.412Z"],
    ),
]


class WindowShares(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How full (keypoints, features) and how whole (coverage, largest gap) the window is."""

    keypoints: Share
    features: Share
    coverage: Share
    largest_gap_s: Rate


class StageTimes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Recent percentiles of one stage, milliseconds."""

    p50: Rate
    p99: Rate


class Describing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked of a labeller; ``sent`` = answered + failed + at most one that is on its way.

    `waiting`: for enough new video · `idle`: until the next question is due · `sending`: asked, no answer yet
    · `failing`: the last question failed, another will follow · `denied`: no question will do, asks no more.
    """

    provider: Name
    model: Name
    state: Literal["waiting", "idle", "sending", "failing", "denied"]
    every_s: Rate
    sent: Count
    answered: Count
    failed: Count
    unused: Count  # answers that came after a cut: they may describe another person
    tokens_in: Count
    tokens_out: Count
    last_error: str | None
    last_answer_age_s: Rate | None  # since the last answer


class Notes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator typed."""

    read: Count  # lines
    shortened: Count  # lines that were too long


# The three messages have as many fields as the schema. A field is left out of the payload while it has its
# default; v is msgspec's tag: it comes first and has one value.
class Confidence(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="v",
    tag=VERSION,
):
    """Topic `confidence`: win + loss = 1, or both null before there is any evidence."""

    v: ClassVar[int] = VERSION
    run: Name  # one start of the publisher
    seq: Count  # strictly increases within a run
    source: Name  # redacted
    bundle: Name
    time: Timestamp
    pts: float | None  # media seconds of the newest frame used; null before the first
    state: State
    win: Share | None
    loss: Share | None
    branches: dict[str, Share | None]  # win by each branch alone; null: the branch is absent
    window: WindowShares
    age_ms: float | None  # publication − capture of the newest frame used; null before it and at fast pace
    mode: Mode
    provider: Name
    reason: str | None = None  # why the state is not ok
    evidence: dict[str, float] | None = None  # log-odds by branch and prior; their sum is that of win
    text_age_s: float | None = None  # from the moment that the text describes to pts; present with text
    lag_s: Rate | None = None  # publication − the moment shown, where the source tells it (HLS)
    replay: bool = False  # the last value, repeated for a late subscriber
    replay_age_s: Rate | None = None  # since it was first published; present in a replay


# As many fields as the schema.
class Health(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="v",
    tag=VERSION,
):
    """Topic `health`: once a second, also without video."""

    v: ClassVar[int] = VERSION
    run: Name
    time: Timestamp
    source: Name
    state: State
    fps_in: Rate
    fps_observed: Rate
    estimates_per_s: Rate
    dropped: dict[str, Count]  # frames by cause
    stalls: Count
    reconnects: Count
    stages_ms: dict[str, StageTimes]
    provider: Name
    rss_mb: Rate  # parent and decoder child together
    reason: str | None = None
    hop: Count | None = None  # ticks between estimates
    mode: Mode | None = None
    late: Count | None = None  # frames whose tick another frame had filled
    describing: Describing | None = None  # present with a labeller
    notes: Notes | None = None  # present with an operator
    replay: bool = False
    replay_age_s: Rate | None = None


class Event(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="v",
    tag=VERSION,
):
    """Topic `event`: it happened once: cut, reconnect, missing, degraded, recovered, describing, end…"""

    v: ClassVar[int] = VERSION
    run: Name
    time: Timestamp
    pts: float | None
    event: Name
    detail: dict[str, Any]  # JSON values
    replay: bool = False
    replay_age_s: Rate | None = None


Message = Confidence | Health | Event
TYPES: dict[str, type[Confidence] | type[Health] | type[Event]] = {
    "confidence": Confidence,
    "health": Health,
    "event": Event,
}
TOPICS = tuple(TYPES)


def timestamp(unix_s: float) -> str:
    """Wall-clock seconds since 1970 → ``2026-05-01T12:00:03.412Z``."""
    moment = datetime.fromtimestamp(round(unix_s, 3), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def confidence_of(
    estimate: Estimate | None,
    *,
    run: str,
    seq: int,
    source: str,
    bundle: str,
    mode: Mode,
    provider: str,
    unix_s: float,
    now: float | None,
    state: State | None = None,
    reason: str | None = None,
    delay_s: float | None = None,
    branches: Iterable[str] = BRANCHES,
) -> Confidence:
    """The message for an estimate; ``None`` before the first one gives nulls and an empty window.

    ``unix_s`` is the wall clock, ``now`` the monotonic clock of ``estimate.captured``; None where an age
    means nothing (fast pace). ``state`` (with ``reason``) replaces the estimate's, which may have gone stale.
    ``delay_s`` is how long before its capture the newest frame happened, where that is known.
    ``branches`` are listed, as null, while there is no estimate.
    """
    if estimate is None:
        estimate = _nothing_yet(branches)
    win = _rounded(estimate.win, 6)
    age_s = None if now is None else _known(now - estimate.captured)
    return Confidence(
        run=run,
        seq=seq,
        source=source,
        bundle=bundle,
        time=timestamp(unix_s),
        pts=_rounded(_known(estimate.pts), 3),
        state=state or estimate.state,
        win=win,
        loss=None if win is None else round(1.0 - win, 6),
        branches={name: _rounded(value, 4) for name, value in estimate.branches.items()},
        window=WindowShares(
            keypoints=round(float(estimate.window.keypoints), 4),
            features=round(float(estimate.window.features), 4),
            coverage=round(float(estimate.window.coverage), 4),
            largest_gap_s=round(float(estimate.window.largest_gap_s), 3),
        ),
        age_ms=None if age_s is None else round(1000.0 * age_s, 1),
        mode=mode,
        provider=provider,
        reason=reason if state else reason or estimate.reason,
        evidence=estimate.evidence and {name: round(v, 9) for name, v in estimate.evidence.items()},
        text_age_s=_rounded(estimate.text_age_s, 1),
        lag_s=None if age_s is None or delay_s is None else round(max(0.0, age_s + delay_s), 1),
    )


def _nothing_yet(branches: Iterable[str]) -> Estimate:
    return Estimate(
        tick=0,
        pts=math.nan,
        captured=math.nan,
        win=None,
        state="warming",
        reason=None,
        branches=dict.fromkeys(branches),
        window=WindowFigures(0.0, 0.0, 0.0, 0.0, 0.0),
    )


def _known(seconds: float) -> float | None:
    """Before the first frame both clocks are NaN: null in a message."""
    return None if math.isnan(seconds) else seconds


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)
