"""iMiGUE, the full release from Oulu: OpenPose skeletons as spreadsheets, and one label file.

    ROOT/Label/labels_20200831.csv            one row per gesture, with subject and result of its video
    ROOT/mg_skeleton_only/0001/0001_2.xlsx    no header; one row per frame, 137 × (x, y, confidence)

Order of the 137 points: presumably OpenPose's JSON order, as the files do not state one. Ids are sparse.
Two released spreadsheets (347, 348) are empty: such videos are stored without ticks.
"""

from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np
import python_calamine as calamine
from numpy.typing import NDArray

from stream.errors import UsageError
from stream.records import Floats
from stream.skeleton import COUNT
from training.corpus import labels, published
from training.corpus.gestures import class_of
from training.corpus.index import About
from training.corpus.readers.importing import Source, Video
from training.corpus.readers.skeletons import BOX_NOTE, OPENPOSE, recording_of
from training.corpus.recording import Recording

LABELS = Path("Label") / "labels_20200831.csv"
SKELETONS = "mg_skeleton_only"
RATES = (23.976, 24.0, 25.0, 29.97, 30.0, 50.0, 59.94, 60.0)
USUAL = 25.0  # frames per second, as published
TOLERANCE_S = 1.0  # times may be whole seconds
ABOUT = About(
    name="iMiGUE",
    provenance=f"iMiGUE, Oulu release: released OpenPose skeletons; {BOX_NOTE}",
    licence="on request from the University of Oulu; not to be passed on",
    simulated=False,
    extractors={"keypoints": OPENPOSE},
)


def source(root: str | Path, *, partial_release: bool = False, seed: int = 0) -> Source:
    """The source of a release. UsageError for missing folders and, unless ``partial_release``, for labels of
    missing videos.
    """
    root = Path(root)
    sheets = {p.parent.name: p for p in sorted((root / SKELETONS).glob("*/*_2.xlsx"))}
    if not sheets:
        raise UsageError(
            f"{root}: expected {SKELETONS}/0001/0001_2.xlsx and so on, found none; give the release's root."
        )
    named = {video_id(id): label for id, label in labels.read(root / LABELS).items()}
    if not partial_release:
        labels.check_known(named, sheets, root / LABELS)
    found, annotated = rates(root / LABELS), gestures(root / LABELS)
    videos = []
    for id, path in sheets.items():
        label, unlabelled = labels.of(named, id)
        rate, rate_note = found.get(id, (USUAL, "rate not checked"))
        videos.append(
            Video(id, partial(_read, path, label, unlabelled, rate, rate_note, annotated.get(id)), label)
        )
    return Source(ABOUT, videos, partial(published.imigue_splits, seed=seed))


def video_id(raw: str) -> str:
    """``7`` and ``7.0`` → ``0007``, as the folders are named."""
    whole = raw.removesuffix(".0")
    return whole.zfill(4) if whole.isdigit() else raw


def _read(
    path: Path,
    label: labels.Label,
    unlabelled: str,
    rate: float,
    rate_note: str,
    annotated: NDArray[np.int64] | None,
) -> tuple[Recording, float, str]:
    frames = read_sheet(path)
    rows = np.zeros((0, 4), np.int64) if annotated is None else annotated
    sound = (rows[:, 1] >= 0) & (rows[:, 1] <= rows[:, 2])
    recording = recording_of(
        frames,
        rate,
        label=label.label,
        subject=label.subject,
        text=label.text,
        provenance=f"iMiGUE {path.parent.name}, released OpenPose skeletons",
        gestures=None if annotated is None else rows[sound],
    )
    turned, outside = int((~sound).sum()), int((rows[sound, 2] >= len(frames)).sum())
    notes = (
        unlabelled,
        rate_note,
        "" if len(frames) else "empty skeleton file",
        f"{turned} gestures end before they begin and were left out" if turned else "",
        f"{outside} gestures end after the last frame" if outside else "",
    )
    return recording, rate, "; ".join(filter(None, notes))


def read_sheet(path: Path) -> Floats:
    """Frames of one spreadsheet, float32 [F, 137, 3]; F is 0 for an empty one, a cell without number is NaN.

    UsageError for a damaged file and for another number of columns.
    """
    if not path.stat().st_size:
        return np.zeros((0, COUNT, 3), np.float32)
    try:
        sheet = calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0)
    except (calamine.CalamineError, IndexError) as error:
        raise UsageError(f"{path}: expected a spreadsheet, found none ({error}); copy it again.") from error
    if sheet.start is None or sheet.end is None:
        return np.zeros((0, COUNT, 3), np.float32)
    width = sheet.end[1] + 1
    if width != 3 * COUNT:
        raise UsageError(
            f"{path}: expected {3 * COUNT} columns (137 points of x, y, confidence), found {width}; "
            "this is no skeleton of the release."
        )
    frames = np.full((sheet.end[0] + 1, 3 * COUNT), np.nan, np.float32)
    for i, row in enumerate(sheet.iter_rows()):  # row by row: a long sheet is a gigabyte of objects
        frames[i, sheet.start[1] :] = [_number(cell) for cell in row]
    return frames.reshape(-1, COUNT, 3)


def _number(cell: object) -> float:
    return float(cell) if isinstance(cell, int | float) else float("nan")


def rates(path: Path) -> dict[str, tuple[float, str]]:
    """Frame rate of every labelled video, with a note, from its frame and time columns.

    A video's rate is the common rate nearest to the median of frame / time. Rows whose frame and time then
    differ by more than a second are counted in the note; if they are the majority, the rate is 25. UsageError
    if that happens for most videos, and for a class that the release does not have.
    """
    pairs: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for number, row in labels.rows(path):
        try:
            if not (1 <= int(row["class"]) <= 31 or int(row["class"]) == 99):
                raise ValueError(f"class {row['class']}, expected 1–31 or 99")
            for edge in ("start", "end"):
                pair = (float(row[f"{edge}_frame"]), seconds(row[f"{edge}_time"]))
                pairs[video_id(row["video_id"])].append(pair)
        except (KeyError, ValueError) as error:
            raise UsageError(
                f"{path}, line {number}: expected start_time, start_frame, end_time, end_frame and class, "
                f"found {error}; give the release's own label file."
            ) from error
    found = {id: _rate(np.array(values)) for id, values in pairs.items()}
    wrong = [id for id, (_, agrees, _) in found.items() if not agrees]
    if 2 * len(wrong) > len(found):
        raise UsageError(
            f"{path}: expected frames and times of one rate, found that they disagree in {len(wrong)} of "
            f"{len(found)} videos; check the units of both columns."
        )
    return {id: (rate, note) for id, (rate, _, note) in found.items()}


def gestures(path: Path) -> dict[str, NDArray[np.int64]]:
    """Gestures of every labelled video, int64 [N, 4]: class 0–31, first and last frame, row.

    Frames are 0-based and the last one belongs to the gesture; the row counts the video's lines in the file
    from 0, so that row i of video 0054 is the clip 0054_i. UsageError for a cell that is no number.
    """
    found: dict[str, list[tuple[int, int, int, int]]] = defaultdict(list)
    for number, row in labels.rows(path):
        try:
            kind = class_of(int(row["class"]))
            first, last = (int(float(row[f"{edge}_frame"])) for edge in ("start", "end"))
        except (KeyError, ValueError) as error:
            raise UsageError(
                f"{path}, line {number}: expected start_frame, end_frame and class, found {error}; give the "
                "release's own label file."
            ) from error
        rows = found[video_id(row["video_id"])]
        rows.append((kind, first, last, len(rows)))
    return {id: np.array(rows, np.int64) for id, rows in found.items()}


def _rate(pairs: Floats) -> tuple[float, bool, str]:
    """Rate, whether most rows agree with it, note; pairs: [N, 2] of frame, seconds."""
    frames, times = pairs[pairs[:, 1] > 0].T
    if not len(frames):
        return USUAL, True, "rate not checked: no times"
    median = float(np.median(frames / times))
    rate = min(RATES, key=lambda known: abs(known - median))
    disagreeing = int((np.abs(frames / rate - times) > TOLERANCE_S).sum())
    if 2 * disagreeing > len(frames):
        return USUAL, False, f"frames and times give {median:.2f} a second, no usual rate; taken as {USUAL:g}"
    return rate, True, f"{disagreeing} of {len(frames)} frames and times disagree" if disagreeing else ""


def seconds(text: str) -> float:
    """``83.5``, ``1:23.5`` and ``0:01:23.5`` → seconds."""
    total = 0.0
    for part in text.split(":"):
        total = 60 * total + float(part)
    return total
