"""A folder of OpenPose's own output (``--write_json``), one file per frame, possibly with several people.

FOLDER/NAME/ANYTHING_000000000012_keypoints.json   one folder per video
FOLDER/NAME_000000000012_keypoints.json            or all in one
"""

import json
import re
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np

from stream.errors import UsageError
from stream.frontend.subject import REMEMBER, SAME
from stream.geometry import overlap
from stream.records import Floats
from stream.skeleton import COUNT, FACE
from training.corpus import labels, protocols
from training.corpus.index import About
from training.corpus.readers.importing import Source, Video
from training.corpus.readers.skeletons import BOX_NOTE, OPENPOSE, recording_of
from training.corpus.recording import Recording

_NAME = re.compile(r"(?P<video>.*?)_?(?P<frame>\d+)_keypoints\.json")
_KEYS = {"pose": 25, "face": 70, "hand_left": 21, "hand_right": 21}  # points, in the order of the 137


def source(
    folder: str | Path,
    label_file: str | Path,
    *,
    rate: float = 25.0,
    licence: str = "not stated",
    partial_release: bool = False,
    seed: int = 0,
) -> Source:
    """The source of a folder; ``rate`` is the videos' frames per second, which OpenPose does not store.

    UsageError for a folder without such files and, unless ``partial_release``, for labels of missing videos.
    """
    found = frames_of(Path(folder))
    if not found:
        raise UsageError(
            f"{folder}: expected NAME/…_000000000000_keypoints.json, found none; "
            "run OpenPose with --write_json, a folder a video."
        )
    named = labels.read(label_file)
    if not partial_release:
        labels.check_known(named, found, label_file)
    about = About(
        name="OpenPose",
        provenance=f"OpenPose's JSON output at {rate:g} frames a second; {BOX_NOTE}",
        licence=licence,
        simulated=False,
        extractors={"keypoints": OPENPOSE},
    )
    videos = []
    for id, frames in found.items():
        label, unlabelled = labels.of(named, id)
        videos.append(Video(id, partial(_read, id, frames, label, unlabelled, rate), label))
    return Source(about, videos, partial(protocols.own_split, seed=seed))


def frames_of(folder: Path) -> dict[str, dict[int, Path]]:
    """Files by video and frame number, in order."""
    found: dict[str, dict[int, Path]] = defaultdict(dict)
    for path in sorted([*folder.glob("*_keypoints.json"), *folder.glob("*/*_keypoints.json")]):
        match = _NAME.fullmatch(path.name)
        if match:
            video = match["video"] if path.parent == folder else path.parent.name
            found[video][int(match["frame"])] = path
    return {video: dict(sorted(found[video].items())) for video in sorted(found)}


def _read(
    id: str, files: dict[int, Path], label: labels.Label, unlabelled: str, rate: float
) -> tuple[Recording, float, str]:
    first, last = min(files), max(files)
    nobody = np.zeros((0, COUNT, 3), np.float32)
    people = [read_people(files[i]) if i in files else nobody for i in range(first, last + 1)]
    frames, segments = follow(people)
    recording = recording_of(
        frames,
        rate,
        label=label.label,
        subject=label.subject,
        text=label.text,
        provenance=f"{id}, OpenPose's JSON output",
        segments=segments,
    )
    several = sum(len(found) > 1 for found in people)
    missing = last - first + 1 - len(files)
    notes = (
        unlabelled,
        f"several people in {several} frames, one was followed" if several else "",
        f"{missing} frames without a file" if missing else "",
    )
    return recording, rate, "; ".join(filter(None, notes))


def read_people(path: Path) -> Floats:
    """All people in one file, float32 [N, 137, 3]; parts that OpenPose did not detect are zeros.

    UsageError for a damaged file and for another body model than BODY_25.
    """
    try:
        people = json.loads(path.read_bytes())["people"]
        return np.array([_person(person, path) for person in people], np.float32).reshape(-1, COUNT, 3)
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path}: expected OpenPose's JSON output, found another file or a cut one ({error}); "
            "write it again."
        ) from error


def _person(person: dict[str, list[float]], path: Path) -> Floats:
    parts = []
    for key, count in _KEYS.items():
        values = person.get(f"{key}_keypoints_2d") or [0.0] * (3 * count)
        if len(values) != 3 * count:
            raise UsageError(
                f"{path}: expected {3 * count} values for {key}, found {len(values)}; run OpenPose with "
                "--model_pose BODY_25."
            )
        parts += values
    return np.array(parts, np.float32).reshape(COUNT, 3)


def follow(people: list[Floats]) -> tuple[Floats, np.ndarray]:
    """The interviewee among the people of every frame: float32 [F, 137, 3] and segments, int64 [F].

    Starts with the largest and most central person and follows the person with the largest overlap. After two
    seconds without any, the choice is repeated and a new segment starts.
    """
    boxes = [[_box(person) for person in found] for found in people]
    width = max((box[2] for found in boxes for box in found), default=0.0)
    frames = np.zeros((len(people), COUNT, 3), np.float32)
    segments = np.ones(len(people), np.int64)
    last, away, segment = None, 0, 1
    for i, found in enumerate(boxes):
        if last is not None and away > REMEMBER:
            last, segment = None, segment + 1
        shares = [_prominence(box, width) if last is None else overlap(last, box) for box in found]
        best = int(np.argmax(shares)) if shares else -1
        if best >= 0 and shares[best] > (0 if last is None else SAME):
            frames[i], last, away = people[i][best], found[best], 0
        else:
            away += 1
        segments[i] = segment
    return frames, segments


def _box(person: Floats) -> tuple[float, float, float, float]:
    """The box around the valid body and face points; empty without any."""
    seen = person[: FACE.stop][(person[: FACE.stop, 2] > 0) & np.isfinite(person[: FACE.stop]).all(-1)]
    if not len(seen):
        return 0.0, 0.0, 0.0, 0.0
    (x0, y0), (x1, y1) = seen[:, :2].min(0).tolist(), seen[:, :2].max(0).tolist()
    return x0, y0, x1, y1


def _prominence(box: tuple[float, float, float, float], width: float) -> float:
    """Area, weighted down to one half at the edges of the frame."""
    aside = abs((box[0] + box[2]) / width - 1) if width else 0.0
    return (box[2] - box[0]) * (box[3] - box[1]) * (1 - aside / 2)
