"""The records that travel through the chain, in the order of a frame's walk.

All are frozen, slotted and compared by identity; arrays inside are read-only by agreement.
Vocabulary: ``pts`` is the media clock, ``captured`` the monotonic clock, both in seconds.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # [H, W, 3], RGB
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

State = Literal["warming", "ok", "degraded", "stale", "absent"]


def two_digits(confidence: float) -> str:
    """A confidence 0..1 as people read it: "0.63". Never "0.00" or "1.00": it is never that sure."""
    if confidence >= 0.995:
        return ">0.99"
    return "<0.01" if confidence < 0.005 else f"{confidence:.2f}"


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture and when it was taken: decoded from a source, or brought by a caller."""

    index: int  # counts decoded frames of the source, gaps are dropped frames
    pts: float  # media seconds
    captured: float  # monotonic seconds: demux returned (live) or due (paced file)
    image: Image  # uint8 [H, W, 3], RGB
    discontinuity: bool = False  # media clock or picture size jumped before this frame
    happened: float | None = None  # monotonic seconds at which it was live, where the source tells (HLS)


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """Where the interviewee is in a frame."""

    box: tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels of the frame, steadied
    score: float  # detector or tracker confidence, 0..1
    cut: bool = False  # what came before does not belong to this person or shot


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """137 keypoints of one person (OpenPose order: body 0–24, face 25–94, hands 95–136)."""

    points: Floats  # float32 [137, 2], pixels of the frame; 0 where invalid
    valid: Mask  # bool [137]


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """What the fast lane wrote for one tick."""

    tick: int
    pts: float
    captured: float
    portrait: Portrait | None
    pose: Pose | None
    timings_ms: dict[str, float] = field(default_factory=dict)
    scene: int = 0  # counts cuts; a description of an earlier scene may speak of somebody else
    happened: float | None = None  # of the frame


@dataclass(frozen=True, slots=True, eq=False)
class WindowFigures:
    """How full and how whole the window is at one tick."""

    keypoints: float  # filled share of the pose slots, 0..1
    features: float  # filled share of the feature slots, 0..1
    coverage: float  # valid share of what is filled, 0..1
    largest_gap_s: float  # longest run of missing ticks inside what is filled
    valid_s: float  # seconds of valid ticks


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What the slow lane concluded from all ticks ≤ ``tick``."""

    tick: int
    pts: float  # media seconds of the newest frame used
    captured: float  # monotonic seconds of the newest frame used
    win: float | None  # calibrated; None before any evidence
    state: State
    reason: str | None
    branches: dict[str, float | None]  # each branch with the others absent, for win
    window: WindowFigures
    text_age_s: float | None = None  # from what the text speaks of to ``pts``; None while there is none
    timings_ms: dict[str, float] = field(default_factory=dict)
    evidence: dict[str, float] | None = None  # log-odds that each present branch and the prior add to win's

    @property
    def loss(self) -> float | None:
        return None if self.win is None else 1.0 - self.win
