"""The 137 points: names, groups, bones and mirror pairs, as data.

OpenPose order (CMU-Perceptual-Computing-Lab/openpose: poseParameters.cpp, faceParameters.hpp,
handParameters.hpp, wPeopleJsonSaver.hpp): body 0–24, face 25–94, left hand 95–115, right hand 116–136.
Left and right are the subject's.
"""

BODY_NAMES = (
    "nose", "neck",
    "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "mid_hip", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "right_eye", "left_eye", "right_ear", "left_ear",
    "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip

FACE_NAMES = (
    *(f"contour_{i}" for i in range(17)),
    *(f"right_brow_{i}" for i in range(5)),
    *(f"left_brow_{i}" for i in range(5)),
    *(f"nose_bridge_{i}" for i in range(4)),
    *(f"nose_base_{i}" for i in range(5)),
    *(f"right_eye_{i}" for i in range(6)),
    *(f"left_eye_{i}" for i in range(6)),
    *(f"outer_mouth_{i}" for i in range(12)),
    *(f"inner_mouth_{i}" for i in range(8)),
    "right_pupil",
    "left_pupil",
)

HAND_NAMES = (
    "wrist",
    *(f"{finger}_{i}" for finger in ("thumb", "index", "middle", "ring", "pinky") for i in range(1, 5)),
)

NAMES = (
    *BODY_NAMES,
    *(f"face_{name}" for name in FACE_NAMES),
    *(f"left_hand_{name}" for name in HAND_NAMES),
    *(f"right_hand_{name}" for name in HAND_NAMES),
)
INDEX = {name: index for index, name in enumerate(NAMES)}
COUNT = len(NAMES)

BODY = slice(0, 25)
FACE = slice(25, 95)
LEFT_HAND = slice(95, 116)
RIGHT_HAND = slice(116, 137)
HANDS = slice(95, 137)
GROUPS = {"body": BODY, "face": FACE, "hands": HANDS}

_BODY_BONES = (
    (1, 8), (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (8, 9), (9, 10), (10, 11), (8, 12), (12, 13),
    (13, 14), (1, 0), (0, 15), (15, 17), (0, 16), (16, 18), (14, 19), (19, 20), (14, 21), (11, 22), (22, 23),
    (11, 24),
)  # fmt: skip


def _chain(first: int, last: int, *, closed: bool = False) -> tuple[tuple[int, int], ...]:
    links = tuple((i, i + 1) for i in range(first, last))
    return (*links, (last, first)) if closed else links


_FACE_BONES = (
    *_chain(0, 16),
    *_chain(17, 21),
    *_chain(22, 26),
    *_chain(27, 30),
    *_chain(31, 35),
    *_chain(36, 41, closed=True),
    *_chain(42, 47, closed=True),
    *_chain(48, 59, closed=True),
    *_chain(60, 67, closed=True),
)
_HAND_BONES = tuple(link for base in (1, 5, 9, 13, 17) for link in ((0, base), *_chain(base, base + 3)))


def _shift(bones: tuple[tuple[int, int], ...], by: int) -> tuple[tuple[int, int], ...]:
    return tuple((a + by, b + by) for a, b in bones)


# Pupils (face 68, 69) are isolated in OpenPose's drawing: a graph encoder needs self-loops for them.
BONES = (
    *_BODY_BONES,
    *_shift(_FACE_BONES, FACE.start),
    *_shift(_HAND_BONES, LEFT_HAND.start),
    *_shift(_HAND_BONES, RIGHT_HAND.start),
)


def _mirror_face(i: int) -> int:
    """Face index of the mirrored point: chains that cross the midline run backwards."""
    for first, last in ((0, 16), (31, 35), (48, 54), (60, 64)):
        if first <= i <= last:
            return first + last - i
    for first, last in ((55, 59), (65, 67)):  # the lower lips run from the left corner back to the right
        if first <= i <= last:
            return first + last - i
    if 27 <= i <= 30:
        return i
    swapped = {
        **{17 + k: 26 - k for k in range(5)},
        36: 45, 37: 44, 38: 43, 39: 42, 40: 47, 41: 46,
        68: 69,
    }  # fmt: skip
    return swapped.get(i, {v: k for k, v in swapped.items()}.get(i, i))


def _mirror(i: int) -> int:
    if i < FACE.start:
        name = BODY_NAMES[i]
        if name.startswith("right_"):
            return BODY_NAMES.index("left_" + name[6:])
        if name.startswith("left_"):
            return BODY_NAMES.index("right_" + name[5:])
        return i
    if i < LEFT_HAND.start:
        return FACE.start + _mirror_face(i - FACE.start)
    return i + 21 if i < RIGHT_HAND.start else i - 21


MIRROR = tuple(_mirror(i) for i in range(COUNT))  # an involution: MIRROR[MIRROR[i]] == i
