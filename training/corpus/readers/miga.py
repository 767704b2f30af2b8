"""The MiGA challenge's release of iMiGUE: full skeletons (2025), or light ones as CSV files.

    ANYWHERE/0001/0001_openpose.xlsx    no header; a row a frame, 137 × (x, y, confidence) as in Oulu's
    ANYWHERE/0001/0001_light_hand.csv   frame number, then 35 × (x, y, confidence); optional header
    ANYWHERE/0001/0001_label.csv        gestures: class, first frame, last frame; 0-based, inclusive

A video that has both is read from the full one. The 35 points are BODY_25 and the tips of five fingers of
each hand, without a face. The official accessor calls body points 2–4 "Left" and fingers 25–29 "Right": its
names are mirrored. In BODY_25 2–4 are the subject's right, so 25–29 are the subject's left; each file is
checked, by which wrist the fingers are near.
"""

import csv
from functools import partial
from pathlib import Path

import numpy as np
from msgspec import structs

from stream.errors import UsageError
from stream.records import Floats
from stream.skeleton import BODY, COUNT, INDEX
from training.corpus import labels, published
from training.corpus.gestures import ILLUSTRATIVE, OFFICIAL_ILLUSTRATIVE
from training.corpus.index import About
from training.corpus.readers.imigue import USUAL, read_sheet, video_id
from training.corpus.readers.importing import Source, Video
from training.corpus.readers.skeletons import BOX_NOTE, OPENPOSE, recording_of
from training.corpus.recording import Recording

FULL, LIGHT, GESTURES = "_openpose.xlsx", "_light_hand.csv", "_label.csv"
COLUMNS = 1 + 35 * 3
_COUNTED = [str(i) for i in range(COLUMNS)]
_FINGERS = ("thumb_4", "index_4", "middle_4", "ring_4", "pinky_4")
TIPS = {side: [INDEX[f"{side}_hand_{finger}"] for finger in _FINGERS] for side in ("left", "right")}
ABOUT = About(
    name="iMiGUE (MiGA)",
    provenance=f"iMiGUE, MiGA challenge release: light OpenPose skeletons without face; {BOX_NOTE}",
    licence="terms of the MiGA challenge; not to be passed on",
    simulated=False,
    extractors={"keypoints": OPENPOSE},
)
ABOUT_FULL = structs.replace(
    ABOUT, provenance=f"iMiGUE, MiGA challenge release: full OpenPose skeletons; {BOX_NOTE}"
)


def source(
    root: str | Path, label_file: str | Path, *, partial_release: bool = False, seed: int = 0
) -> Source:
    """The source of the folders under ``root``, with our own CSV file or the Oulu label file.

    UsageError for a root without skeletons, a duplicate video and, unless ``partial_release``, for labels of
    missing videos.
    """
    full, light = _files(Path(root), FULL), _files(Path(root), LIGHT)
    found = dict(sorted((light | full).items()))
    if not found:
        raise UsageError(
            f"{root}: expected 0001/0001{FULL} or 0001/0001{LIGHT} and so on, found none; give the release's "
            "root."
        )
    named = {video_id(id): label for id, label in labels.read(label_file).items()}
    if not partial_release:
        labels.check_known(named, found, label_file)
    videos = []
    for id, path in found.items():
        label, unlabelled = labels.of(named, id)
        faceless = "light skeleton without face" if full and id not in full else ""
        notes = "; ".join(filter(None, (unlabelled, faceless)))
        videos.append(Video(id, partial(_read, id, path, label, notes), label))
    about = ABOUT_FULL if full else ABOUT
    return Source(about, videos, partial(published.imigue_splits, seed=seed))


def _files(root: Path, ending: str) -> dict[str, Path]:
    """Skeletons by video id. UsageError for a video that is there twice."""
    found: dict[str, Path] = {}
    for path in sorted(
        root.rglob(f"[!.~]*{ending}")
    ):  # a spreadsheet that is open leaves ~$0001_openpose.xlsx
        id = video_id(path.name.removesuffix(ending))
        if id in found:
            raise UsageError(f"{path}: expected video {id} once, found {found[id]} too; remove one.")
        found[id] = path
    return found


def _read(id: str, path: Path, label: labels.Label, noted: str) -> tuple[Recording, float, str]:
    full = path.name.endswith(FULL)
    frames, swapped = (read_sheet(path), False) if full else to_layout(read_points(path))
    annotation = path.with_name(path.name.removesuffix(FULL).removesuffix(LIGHT) + GESTURES)
    rows = gestures(annotation) if annotation.exists() else None
    recording = recording_of(
        frames,
        USUAL,
        label=label.label,
        subject=label.subject,
        text=label.text,
        provenance=f"iMiGUE {id}, MiGA challenge, {'full' if full else 'light'} OpenPose skeletons",
        gestures=rows,
    )
    outside = 0 if rows is None else int((rows[:, 2] >= len(frames)).sum())
    notes = (
        noted,
        "" if len(frames) else "empty skeleton file",
        "fingers lay at the other hand's wrist and were swapped" if swapped else "",
        f"{outside} gestures end after the last frame" if outside else "",
    )
    return recording, USUAL, "; ".join(filter(None, notes))


def read_points(path: Path) -> Floats:
    """Points of every frame, float32 [F, 35, 3]; skipped frame numbers become empty frames.

    A first row with names, an empty corner or the column numbers is a header. UsageError for another number
    of columns, for cells that are no numbers and for frame numbers that do not increase.
    """
    with path.open(newline="", encoding="utf-8-sig") as stream:
        rows = [row for row in csv.reader(stream) if row]
    if rows and (not all(map(_is_number, rows[0])) or rows[0] == _COUNTED):
        rows = rows[1:]
    if not rows:
        return np.zeros((0, 35, 3), np.float32)
    wrong = next((len(row) for row in rows if len(row) != COLUMNS), None)
    if wrong:
        raise UsageError(
            f"{path}: expected {COLUMNS} columns (frame and 35 points of x, y, confidence), found {wrong}; "
            "this is no light skeleton with hands."
        )
    try:
        values = np.array(rows, np.float64)
    except ValueError as error:
        raise UsageError(f"{path}: expected numbers, found another cell ({error}); copy it again.") from error
    at = values[:, 0].astype(np.int64)
    if len(at) > 1 and np.diff(at).min() < 1:
        raise UsageError(f"{path}: expected frame numbers that grow, found others; copy the file again.")
    frames = np.zeros((at[-1] - at[0] + 1, 35, 3), np.float32)
    frames[at - at[0]] = values[:, 1:].reshape(-1, 35, 3)
    return frames


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def to_layout(points: Floats) -> tuple[Floats, bool]:
    """The 35 points in the layout of 137, float32 [F, 137, 3], and whether the hands were swapped."""
    frames = np.zeros((len(points), COUNT, 3), np.float32)
    frames[:, BODY] = points[:, :25]
    first, second = points[:, 25:30], points[:, 30:35]
    left, right = (points[:, INDEX[f"{side}_wrist"]] for side in ("left", "right"))
    straight = _distance(first, left) + _distance(second, right)
    crossed = _distance(first, right) + _distance(second, left)
    swapped = bool(np.nansum(straight - crossed) > 0)
    frames[:, TIPS["left"]], frames[:, TIPS["right"]] = (second, first) if swapped else (first, second)
    return frames, swapped


def _distance(tips: Floats, wrist: Floats) -> Floats:
    """Mean distance of the finger tips from the wrist, float32 [F]; NaN if any of these points is missing."""
    seen = (tips[..., 2] > 0).all(1) & (wrist[:, 2] > 0)
    apart = np.linalg.norm(tips[..., :2] - wrist[:, None, :2], axis=-1).mean(1)
    return np.where(seen, apart, np.float32(np.nan))


def gestures(path: Path) -> np.ndarray:
    """Gestures of a video, int64 [N, 3]: class 0–31 (31 illustrative), first and last frame.

    Frames are 0-based and the last one belongs to the gesture. Lists of test clips carry 0 for a class that
    is hidden: −1. UsageError for another class, and for a gesture that ends before it starts.
    """
    with path.open(newline="", encoding="utf-8-sig") as stream:
        rows = [row for row in csv.reader(stream) if row and _is_number(row[0])]
    try:
        found = np.array([[int(float(cell)) for cell in row[:3]] for row in rows], np.int64).reshape(-1, 3)
    except ValueError as error:
        raise UsageError(f"{path}: expected class, start, end, found another row ({error}).") from error
    known = ((found[:, 0] >= 0) & (found[:, 0] <= 31)) | (found[:, 0] == OFFICIAL_ILLUSTRATIVE)
    if not known.all() or (found[:, 1] > found[:, 2]).any():
        raise UsageError(
            f"{path}: expected classes 1–31 or 99 and ends after starts, found another row; copy it again."
        )
    found[:, 0] = np.where(found[:, 0] == OFFICIAL_ILLUSTRATIVE, ILLUSTRATIVE, found[:, 0] - 1)
    return found
