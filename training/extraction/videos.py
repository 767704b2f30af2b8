"""Videos and a label file → recordings, with the live side's front end."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stream.capture.capture import Capture
from stream.errors import UsageError
from stream.frontend.front_end import FrontEnd
from stream.records import Floats, Frame, Image, Mask
from training.corpus import labels
from training.corpus.grid import RATE, STRIDE, Encode
from training.corpus.index import listed
from training.corpus.labels import Label
from training.corpus.recording import Recording
from training.corpus.store import Writer
from training.extraction.following import frames_of, on_grid, open_video, track

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".mpg", ".mpeg", ".wmv", ".flv")
BATCH = 16  # portraits encoded at once

Report = Callable[[float], None]  # called with the seconds of video processed so far


def find(folder: Path) -> dict[str, Path]:
    """Videos of a folder by id, the file's name without suffix. UsageError for no video or a duplicate id."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: expected a folder of videos, found none; check the path.")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        if path.stem in found:
            raise UsageError(
                f"{folder}: expected names that differ in more than the suffix, found "
                f"{found[path.stem].name} and {path.name}; rename one."
            )
        found[path.stem] = path
    if not found:
        raise UsageError(f"{folder}: expected videos ({', '.join(SUFFIXES)}), found none; check the path.")
    return found


def read_labels(path: Path, videos: dict[str, Path]) -> dict[str, Label]:
    """Labels by video id; the file may name videos with or without suffix. UsageError for contradictions."""
    by_name = {video.name: id for id, video in videos.items()}
    found: dict[str, Label] = {}
    for name, label in labels.read(path).items():
        id = name if name in videos else by_name.get(name, name)
        if found.setdefault(id, label) != label:
            raise UsageError(
                f"{path}: expected one label for video {id}, found two that differ, with and without suffix; "
                "remove one."
            )
    return found


@dataclass(frozen=True, slots=True, eq=False)
class ExtractedVideo:
    """The result for one video."""

    recording: Recording
    rate: float  # frames per second of the source
    note: str


def extract(
    path: Path,
    label: Label,
    front_end: FrontEnd,
    *,
    encode: Encode | None = None,
    size: int = 0,
    report: Report = lambda seconds: None,
) -> ExtractedVideo:
    """Push one video through the front end, with image features of its portraits if there is an encoder.

    ``size``: side in pixels of the encoder's portraits. Raises SourceError for a file that is no video.
    """
    features = _Features(encode)
    with open_video(path) as capture:
        ticks = _reporting(on_grid(frames_of(capture)), report)
        tracked = track(ticks, front_end, crop_size=size if encode else 0, take=features.take)
        rate, note = (capture.info.fps if capture.info else None) or RATE, _note(capture)
    vectors, mask = features.arrays(-(-len(tracked.present) // STRIDE))
    recording = Recording(
        points=tracked.points,
        valid=tracked.valid,
        boxes=tracked.boxes,
        present=tracked.present,
        segments=tracked.segments,
        features=vectors,
        feature_mask=mask,
        text=label.text,
        label=-1 if label.label is None else label.label,
        subject=label.subject,
        llr=None,
        provenance=f"{path.name}, through undertone's own front end",
    )
    return ExtractedVideo(recording, rate, note)


def _reporting(ticks: Iterable[tuple[int, Frame]], report: Report) -> Iterator[tuple[int, Frame]]:
    for tick, frame in ticks:
        if tick % round(RATE) == 0:
            report(tick / RATE)
        yield tick, frame


def _note(capture: Capture) -> str:
    counters = capture.counters
    lost = counters["errors"] + counters["dropped"]["corrupt"]
    return f"{lost} damaged pictures or packets were left out" if lost else ""


class _Features:
    """Encodes portraits in small batches, since those of a long video do not fit into memory."""

    def __init__(self, encode: Encode | None) -> None:
        self._encode = encode
        self._pending: dict[int, Image] = {}
        self._vectors: dict[int, Floats] = {}

    def take(self, slot: int, crop: Image) -> None:
        self._pending[slot] = crop
        if len(self._pending) == BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._encode is not None and self._pending:
            vectors = self._encode(np.stack(list(self._pending.values())))
            self._vectors |= dict(zip(self._pending, vectors, strict=True))
            self._pending.clear()

    def arrays(self, slots: int) -> tuple[Floats | None, Mask]:
        """Features float32 [slots, D], or None if nothing was encoded, and mask bool [slots]."""
        self._flush()
        mask = np.isin(np.arange(slots), list(self._vectors))
        if not self._vectors:
            return None, mask
        features = np.zeros((slots, len(next(iter(self._vectors.values())))), np.float32)
        for slot, vector in self._vectors.items():
            features[slot] = vector
        return features, mask


def check_same(writer: Writer, ids: Iterable[str], named: dict[str, Label], source: Path) -> None:
    """UsageError when the labels have changed since an earlier run made a recording."""
    other = [id for id in ids if writer.label(id) != labels.of(named, id)[0]]
    if other:
        raise UsageError(
            f"{source}: expected the subjects, results and texts that {len(other)} recordings were made "
            f"with, found others ({listed(other)}); remove these recordings and run the command again."
        )
