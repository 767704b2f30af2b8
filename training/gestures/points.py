"""Which of the 137 points a gesture is read from: sets of 22, 36 and 68, their limbs, and merged channels.

22 and 36 are those of earlier work (12 body points and finger tips; the same with 12 face points and wrists).
The second paper names 68 points and does not list them: the set of 68 here is our choice. Every set is closed
under ``stream.skeleton.MIRROR``, so that a mirrored person has the same points.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stream.errors import UsageError
from stream.skeleton import FACE, HANDS, LEFT_HAND, MIRROR, RIGHT_HAND

Links = tuple[tuple[int, int], ...]

BODY_12 = (*range(8), *range(15, 19))
TIPS = {"left": (99, 103, 107, 111, 115), "right": (120, 124, 128, 132, 136)}
FACE_12 = (27, 29, 33, 37, 39, 44, 49, 52, 73, 76, 79, 82)
PUPILS = (93, 94)
WRISTS = {"left": LEFT_HAND.start, "right": RIGHT_HAND.start}

_BODY_LIMBS: Links = (
    (1, 0), (0, 15), (15, 17), (0, 16), (16, 18), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7),
)  # fmt: skip
_WRIST_LINKS: Links = ((4, RIGHT_HAND.start), (7, LEFT_HAND.start))
_FACE_RING: Links = ((52, 44), (44, 27), (27, 29), (29, 33), (33, 37), (37, 39), (39, 49), (49, 52))
_MOUTH_RING: Links = ((73, 76), (76, 79), (79, 82), (82, 73))
_NOSE: Links = ((0, 52),)


def _hand(start: int) -> Links:
    fingers = (tuple(range(start + 1 + 4 * k, start + 5 + 4 * k)) for k in range(5))
    return tuple(link for f in fingers for link in ((start, f[0]), *pairwise(f)))


def _tips(start: int, side: str) -> Links:
    return tuple((start, tip) for tip in TIPS[side])


@dataclass(frozen=True, slots=True, eq=False)
class PointSet:
    """K points out of 137. Limbs and channels count within the set, 0..K−1."""

    name: str
    points: tuple[int, ...]  # of the 137
    limbs: Links
    mirror: NDArray[np.int64]  # [K], the set's own permutation of a mirrored person
    groups: dict[str, tuple[int, ...]]  # "body", "face", "left_hand", "right_hand": places in the set

    @property
    def count(self) -> int:
        return len(self.points)


def _set(name: str, points: tuple[int, ...], limbs: Links) -> PointSet:
    at = {point: i for i, point in enumerate(points)}
    spans = {"face": FACE, "left_hand": LEFT_HAND, "right_hand": RIGHT_HAND}
    groups = {key: tuple(at[p] for p in points if s.start <= p < s.stop) for key, s in spans.items()}
    groups["body"] = tuple(at[p] for p in points if p < FACE.start)
    mirror = np.array([at[MIRROR[p]] for p in points], np.int64)
    return PointSet(name, points, tuple((at[a], at[b]) for a, b in limbs), mirror, groups)


_WRIST_TIPS = (*((4, tip) for tip in TIPS["right"]), *((7, tip) for tip in TIPS["left"]))
_FACE_LIMBS: Links = (*_FACE_RING, *_MOUTH_RING, *_NOSE)
POINTS_22 = _set("22", (*BODY_12, *TIPS["left"], *TIPS["right"]), (*_BODY_LIMBS, *_WRIST_TIPS))
POINTS_36 = _set(
    "36",
    (*BODY_12, *FACE_12, WRISTS["left"], *TIPS["left"], WRISTS["right"], *TIPS["right"]),
    (
        *_BODY_LIMBS,
        *_WRIST_LINKS,
        *_tips(WRISTS["left"], "left"),
        *_tips(WRISTS["right"], "right"),
        *_FACE_LIMBS,
    ),
)
POINTS_68 = _set(
    "68",
    (*BODY_12, *FACE_12, *PUPILS, *range(HANDS.start, HANDS.stop)),
    (*_BODY_LIMBS, *_WRIST_LINKS, *_hand(WRISTS["left"]), *_hand(WRISTS["right"]), *_FACE_LIMBS),
)
SETS = {s.name: s for s in (POINTS_22, POINTS_36, POINTS_68)}

Channels = tuple[tuple[int, ...], ...]  # which points (or limbs) share a heat map: their maximum is taken


def single(count: int) -> Channels:
    """A channel for each."""
    return tuple((i,) for i in range(count))


def merged_points() -> Channels:
    """24 channels of the set of 36: ring with middle finger, mouth, rest of the face; all others alone."""
    at = {point: i for i, point in enumerate(POINTS_36.points)}
    channels: list[tuple[int, ...]] = [(at[p],) for p in BODY_12]
    for side in ("left", "right"):
        thumb, index, middle, ring, pinky = (at[tip] for tip in TIPS[side])
        channels += [(at[WRISTS[side]],), (thumb,), (index,), (middle, ring), (pinky,)]
    mouth = tuple(at[p] for p in (73, 76, 79, 82))
    return (*channels, mouth, tuple(at[p] for p in FACE_12 if at[p] not in mouth))


def merged_limbs() -> Channels:
    """24 channels of the set of 36: body limbs and fingers alone, the face's limbs together."""
    alone = len(_BODY_LIMBS) + len(_WRIST_LINKS) + 10
    return (*single(alone), tuple(range(alone, len(POINTS_36.limbs))))


def check_face(points: PointSet, seen: NDArray[np.bool_], where: str) -> None:
    """UsageError where the set has face points and no recording ever shows one.

    seen: bool [K], whether a point of the set is valid in any tick of any clip.
    """
    face = list(points.groups["face"])
    if face and not seen[face].any():
        raise UsageError(
            f"{where}: expected face points for the set of {points.name} points, found none in any clip "
            '(light skeletons have none); set points = "22" in the recipe, or import sheets of 137 points.'
        )
