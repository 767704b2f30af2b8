"""iMiGUE, the full release of Oulu: OpenPose skeletons as spreadsheets, and one label file.

    ROOT/Label/labels_20200831.csv            one row a gesture; subject and result of its video in each
    ROOT/mg_skeleton_only/0001/0001_2.xlsx    no header; a row a frame, 137 × (x, y, confidence)

Order of the 137 points: OpenPose's JSON order, the best reading of a file that says none. Ids are sparse.
Two released spreadsheets (347, 348) are empty: such videos are kept with no ticks.
"""

from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np
import python_calamine as calamine

from stream.errors import UsageError
from stream.records import Floats
from stream.skeleton import COUNT
from training.corpus import labels, published
from training.corpus.index import About
from training.corpus.readers.importing import Source, Video
from training.corpus.readers.skeletons import BOX_NOTE, OPENPOSE, recording_of
from training.corpus.recording import Recording

LABELS = Path("Label") / "labels_20200831.csv"
SKELETONS = "mg_skeleton_only"
RATES = (23.976, 24.0, 25.0, 29.97, 30.0, 50.0, 59.94, 60.0)
USUAL = 25.0  # frames a second, as published
TOLERANCE_S = 1.0  # times may be whole seconds
ABOUT = About(
    name="iMiGUE",
    provenance=f"iMiGUE, Oulu release: released OpenPose skeletons; {BOX_NOTE}",
    licence="on request from the University of Oulu; not to be passed on",
    simulated=False,
    extractors={"keypoints": OPENPOSE},
)


def source(root: str | Path, *, partial_release: bool = False, seed: int = 0) -> Source:
    """What a release holds. UsageError for missing folders, and for labels of videos that are not there
    unless ``partial_release`` says that some are missing.
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
    found = rates(root / LABELS)
    videos = []
    for id, path in sheets.items():
        label, unlabelled = labels.of(named, id)
        rate, rate_note = found.get(id, (USUAL, "rate not checked"))
        videos.append(Video(id, partial(_read, path, label, unlabelled, rate, rate_note), label))
    return Source(ABOUT, videos, partial(published.imigue_splits, seed=seed))


def video_id(raw: str) -> str:
    """``7`` and ``7.0`` → ``0007``, as the folders are named."""
    whole = raw.removesuffix(".0")
    return whole.zfill(4) if whole.isdigit() else raw


def _read(
    path: Path, label: labels.Label, unlabelled: str, rate: float, rate_note: str
) -> tuple[Recording, float, str]:
    frames = read_sheet(path)
    recording = recording_of(
        frames,
        rate,
        label=label.label,
        subject=label.subject,
        text=label.text,
        provenance=f"iMiGUE {path.parent.name}, released OpenPose skeletons",
    )
    notes = (unlabelled, rate_note, "" if len(frames) else "empty skeleton file")
    return recording, rate, "; ".join(filter(None, notes))


def read_sheet(path: Path) -> Floats:
    """Frames of one spreadsheet, float32 [F, 137, 3]; an empty one has none, a cell without number is NaN.

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
    """Frames a second of every labelled video, and what to note: its frame columns against its time columns.

    A video's rate is the usual one nearest to the median of frame / time. Rows whose frame and time then lie
    more than a second apart are counted in the note; where they are most of a video's rows, it gets 25.
    UsageError when that is so for most videos, and for a class that the release does not have.
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


def _rate(pairs: Floats) -> tuple[float, bool, str]:
    """Rate, whether most rows agree with it, note; pairs: [N, 2] of frame, seconds."""
    frames, times = pairs[pairs[:, 1] > 0].T
    if not len(frames):
        return USUAL, True, "rate not checked: no times"
    median = float(np.median(frames / times))
    rate = min(RATES, key=lambda known: abs(known - median))
    apart = int((np.abs(frames / rate - times) > TOLERANCE_S).sum())
    if 2 * apart > len(frames):
        return USUAL, False, f"frames and times give {median:.2f} a second, no usual rate; taken as {USUAL:g}"
    return rate, True, f"{apart} of {len(frames)} frames and times disagree" if apart else ""


def seconds(text: str) -> float:
    """``83.5``, ``1:23.5`` and ``0:01:23.5`` → seconds."""
    total = 0.0
    for part in text.split(":"):
        total = 60 * total + float(part)
    return total
