"""How far two sets of landmarks lie apart, in shares of the person's own size.

body   mean distance over points both sides have, where the reference's visibility is above 0.8, in shares of
       the shoulder–hip length (the longer of the two sides; shoulder–shoulder if no hip is that visible)
face   mean distance over 468 points, in shares of the distance between the outer corners of the eyes
hands  mean distance over 21 points, in shares of the distance from the wrist to the middle knuckle
"""

from typing import Any

import numpy as np

LIMITS = {"body": 0.03, "face": 0.03, "hands": 0.06}
VISIBLE = 0.8


def body(points: np.ndarray, reference: list[list[float]]) -> float:
    """``points`` [33, 2] against 33 rows of x, y, visibility."""
    there = np.array(reference)
    seen = there[:, 2] > VISIBLE
    if not seen.any():
        return float("nan")
    return float(_distances(points, there[:, :2])[seen].mean() / body_length(there))


def body_length(there: np.ndarray) -> float:
    sides = [(11, 23), (12, 24)] if (there[23:25, 2] > VISIBLE).any() else [(11, 12)]
    return max(float(np.linalg.norm(there[a, :2] - there[b, :2])) for a, b in sides)


def face(points: np.ndarray, reference: list[list[float]]) -> float:
    """``points`` [468, 2] against 468 rows of x, y."""
    there = np.array(reference)[:468]
    return float(_distances(points, there).mean() / np.linalg.norm(there[33] - there[263]))


def hand(points: np.ndarray, reference: list[list[float]]) -> float:
    """``points`` [21, 2] against 21 rows of x, y."""
    there = np.array(reference)
    return float(_distances(points, there).mean() / np.linalg.norm(there[0] - there[9]))


def every(landmarks: Any, reference: dict[str, Any]) -> dict[str, float | str]:
    """All errors of one picture; ``only ours`` / ``only theirs`` where one side found nothing.

    ``landmarks``: stream.frontend.mediapipe.holistic.Landmarks, or None if nobody was found.
    """
    ours = {
        "body": landmarks and landmarks.body.points,
        "face": landmarks and landmarks.face and landmarks.face.points,
        "left_hand": landmarks and landmarks.left_hand and landmarks.left_hand.points,
        "right_hand": landmarks and landmarks.right_hand and landmarks.right_hand.points,
    }
    measure = {"body": body, "face": face, "left_hand": hand, "right_hand": hand}
    found: dict[str, float | str] = {}
    for group, points in ours.items():
        theirs = reference[group]
        if points is not None and theirs is not None:
            found[group] = measure[group](points, theirs)
        elif points is not None or theirs is not None:
            found[group] = "only ours" if theirs is None else "only theirs"
    return found


def _distances(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points - reference, axis=1)
