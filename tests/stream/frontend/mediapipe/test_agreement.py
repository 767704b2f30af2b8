"""Undertone's keypoints against MediaPipe Holistic's own, on real pictures and their variants."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from stream import skeleton
from stream.frontend.mediapipe import embedded
from stream.frontend.mediapipe.holistic import Holistic, Landmarks
from stream.frontend.mediapipe.person_detector import PoseDetector
from stream.records import Frame

pytestmark = pytest.mark.slow

PEOPLE = ("astronaut", "astronaut_close", "bus", "bus_left", "bus_middle", "zidane_left", "zidane_right")
GROUPS = ("body", "face", "left_hand", "right_hand")


@pytest.fixture(scope="module")
def found(holistic_files: Path, pictures: dict[str, dict[str, np.ndarray]]) -> dict[str, Landmarks | None]:
    """``picture/variant`` → our landmarks, each picture alone, as the first frame of a stream."""
    front_end = embedded.from_folder(holistic_files)
    result: dict[str, Landmarks | None] = {}
    for name, variants in pictures.items():
        for variant, image in variants.items():
            front_end.reset()
            sighting = front_end.push(Frame(0, 0.0, 0.0, image))
            landmarks = sighting.landmarks
            assert landmarks is None or isinstance(landmarks, Landmarks)
            result[f"{name}/{variant}"] = landmarks
    return result


def _errors(
    found: dict[str, Landmarks | None], reference: dict[str, Any], agreement: ModuleType
) -> dict[tuple[str, str], tuple[float, float | None]]:
    """(picture, group) → our distance from MediaPipe (inf: only one found it), and its own from itself."""
    errors = {}
    for name, theirs in reference.items():
        if theirs["body"] is None:  # nobody found by MediaPipe: no comparison
            continue
        for group, error in agreement.every(found[name], theirs).items():
            distance = np.inf if isinstance(error, str) else error
            errors[name, group] = distance, theirs["again"].get(group, 0.0)
    return errors


def test_within_the_limits_wherever_mediapipe_agrees_with_itself(
    found: dict[str, Landmarks | None], reference: dict[str, Any], agreement: ModuleType
) -> None:
    hands = agreement.LIMITS["hands"]
    limits = {**agreement.LIMITS, "left_hand": hands, "right_hand": hands}
    errors = _errors(found, reference, agreement)
    beyond = {key: pair for key, pair in errors.items() if not pair[0] <= limits[key[1]]}
    # Flipping the lowest bit of some pixels moves MediaPipe's own points further than the limit there.
    unexcused = {
        key: pair for key, pair in beyond.items() if pair[1] is not None and pair[1] <= limits[key[1]]
    }
    assert not unexcused
    assert len(beyond) <= 2
    compared = [key[1] for key in errors if key not in beyond]
    assert compared.count("body") >= 42
    assert compared.count("face") >= 40
    assert compared.count("left_hand") + compared.count("right_hand") >= 18


def test_bodies_and_faces_are_mediapipes_own_to_a_tenth_of_the_limit(
    found: dict[str, Landmarks | None], reference: dict[str, Any], agreement: ModuleType
) -> None:
    """The chain is the same to the pixel, so typical distances are far below the limits."""
    errors = _errors(found, reference, agreement)
    for group in GROUPS:
        typical = np.median([pair[0] for key, pair in errors.items() if key[1] == group])
        assert typical < agreement.LIMITS.get(group, agreement.LIMITS["hands"]) / 10, group


@pytest.mark.parametrize("name", PEOPLE)
def test_the_front_end_starts_where_a_single_picture_does(
    name: str, holistic_files: Path, pictures: dict[str, dict[str, np.ndarray]]
) -> None:
    image = pictures[name]["plain"]
    best = PoseDetector(holistic_files / "pose_detection.tflite")(image)[0]
    alone = Holistic(holistic_files, static=True).push(image, best.region)
    first = embedded.from_folder(holistic_files).push(Frame(0, 0.0, 0.0, image)).pose
    assert alone is not None
    assert first is not None
    np.testing.assert_array_equal(alone.valid, first.valid)
    np.testing.assert_allclose(alone.points, first.points, atol=1e-3)


@pytest.mark.parametrize("variant", ["plain", "left15", "right15", "dark", "shifted", "wide"])
def test_pupils_lie_where_the_refined_face_model_puts_them(
    variant: str, found: dict[str, Landmarks | None], reference: dict[str, Any]
) -> None:
    """Another network, so only near: 3 % of the distance between the outer corners of the eyes."""
    for name in ("astronaut", "astronaut_close", "zidane_right"):
        landmarks, theirs = found[f"{name}/{variant}"], reference[f"{name}/{variant}"]
        assert landmarks is not None
        assert landmarks.face is not None
        ours = np.stack((landmarks.face.right_iris[0], landmarks.face.left_iris[0]))
        corners = np.array(theirs["face"])[[33, 263]]
        distance = np.linalg.norm(ours - np.array(theirs["pupils"]), axis=1).mean()
        assert distance < 0.03 * np.linalg.norm(corners[0] - corners[1])


def test_where_mediapipe_finds_nobody_in_a_wide_picture_the_tiles_do(
    found: dict[str, Landmarks | None], reference: dict[str, Any]
) -> None:
    assert reference["zidane/plain"]["body"] is None
    assert found["zidane/plain"] is not None


def test_left_and_right_are_the_subjects(holistic_files: Path, astronaut: np.ndarray) -> None:
    """She faces us: her right lies on the left of the picture."""
    pose = embedded.from_folder(holistic_files).push(Frame(0, 0.0, 0.0, astronaut)).pose
    assert pose is not None
    x = {name: pose.points[index, 0] for name, index in skeleton.INDEX.items()}
    assert x["right_shoulder"] < x["neck"] < x["left_shoulder"]
    assert x["right_eye"] < x["nose"] < x["left_eye"]
    assert x["face_right_pupil"] < x["face_left_pupil"]
    assert x["face_contour_0"] < x["face_contour_8"] < x["face_contour_16"]
