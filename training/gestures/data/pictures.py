"""Pictures of clips for the branches that read them: cut once, kept as one array on disk.

Made-up people are drawn (``training.gestures.simulator.drawn``); real ones come from a folder of videos named
after their ids. Every clip keeps the same number of pictures, evenly spaced over it.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from stream.errors import UsageError
from stream.files import replace_with
from stream.records import Image
from training.corpus.gestures import cut as cut_clip
from training.corpus.store import Store
from training.gestures.clips import Clip
from training.gestures.data.saliency import Box, portrait, salient, square
from training.gestures.data.sampling import middle

VIEWS = ("saliency", "portrait")
ENDINGS = (".mp4", ".mkv", ".avi", ".mov", ".webm")


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Which pictures of a video, and what part of them."""

    ticks: NDArray[np.int64]  # [N], of the 25 Hz grid
    box: Box  # a square in frame pixels; it may leave the picture
    size: int  # S, pixels of the result


class Pictures(Protocol):
    """Where pictures come from."""

    def cuts(self, video: str, wanted: Sequence[Cut]) -> list[Image]:
        """uint8 [N, S, S, 3] for each cut of one video."""


class VideoPictures:
    """Cuts out of a folder of videos, each decoded once."""

    def __init__(self, folder: Path, rates: dict[str, float]) -> None:
        """``rates``: frames a second of each video, as the corpus took it."""
        self.folder, self.rates = folder, rates

    def path(self, video: str) -> Path:
        """The file of a video. UsageError where there is none."""
        for ending in ENDINGS:
            found = self.folder / f"{video}{ending}"
            if found.is_file():
                return found
            if (nested := self.folder / video / f"{video}{ending}").is_file():
                return nested
        raise UsageError(
            f"{self.folder}: expected {video}.mp4 or {video}/{video}.mp4, found neither; add the video, or "
            "leave the picture branches out of the recipe."
        )

    def cuts(self, video: str, wanted: Sequence[Cut]) -> list[Image]:
        """Pictures by frame number; past the last frame the last one stands. UsageError for none at all."""
        found: list[Image] = [np.zeros((len(c.ticks), c.size, c.size, 3), np.uint8) for c in wanted]
        by_frame: dict[int, list[tuple[int, int]]] = defaultdict(list)
        rate = self.rates.get(video, 25.0)
        for i, cut in enumerate(wanted):
            for k, tick in enumerate(cut.ticks.tolist()):
                by_frame[round(tick * rate / 25.0)].append((i, k))
        last, number = max(by_frame, default=-1), -1
        newest: av.VideoFrame | None = None
        path = self.path(video)
        with av.open(str(path)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                newest = frame
                if number in by_frame:
                    _fill(found, wanted, by_frame[number], _rgb(frame))
                if number >= last:
                    break
        if newest is None:
            raise UsageError(f"{path}: expected pictures, found none; copy the video again.")
        for beyond in (f for f in by_frame if f > number):
            _fill(found, wanted, by_frame[beyond], _rgb(newest))
        return found


def _rgb(frame: av.VideoFrame) -> Image:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _fill(
    found: list[Image], wanted: Sequence[Cut], places: Sequence[tuple[int, int]], picture: Image
) -> None:
    for i, k in places:
        found[i][k] = crop(picture, wanted[i].box, wanted[i].size)


def crop(picture: Image, box: Box, size: int) -> Image:
    """The square ``box`` of a picture at ``size`` × ``size``; what lies outside repeats the edge."""
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = (round(v) for v in box)
    x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
    rows, columns = np.arange(y0, y1).clip(0, height - 1), np.arange(x0, x1).clip(0, width - 1)
    inside = picture[rows[:, None], columns]
    way = cv2.INTER_AREA if len(rows) > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(inside, (size, size), interpolation=way), np.uint8)


def boxes_of(store: Store, clips: Sequence[Clip], view: str) -> list[Box]:
    """The square of each clip in its frames: around what moves (``saliency``) or the ``portrait``."""
    found = []
    for clip in clips:
        recording = store.recording(clip.video)
        frame = portrait(recording.boxes[clip.first : clip.last + 1])
        if view == "portrait":
            found.append(square(frame, 1.0))
        else:
            points, valid = cut_clip(recording.points, recording.valid, clip.first, clip.last)
            found.append(salient(points, valid, frame))
    return found


def prepare(
    store: Store,
    clips: Sequence[Clip],
    pictures: Pictures,
    view: str,
    frames: int,
    size: int,
    folder: Path,
    progress: Callable[[str], None] = lambda id: None,
) -> Image:
    """uint8 [N, frames, size, size, 3], memory-mapped from ``folder``; made once, and again for other clips.

    A run that was killed goes on after the last whole video.
    """
    path = folder / f"{view}-{frames}x{size}.npy"
    note = path.with_suffix(".json")
    ids = [clip.id for clip in clips]
    state = json.loads(note.read_text()) if note.exists() and path.exists() else {}
    if state.get("clips") != ids:
        folder.mkdir(parents=True, exist_ok=True)
        np.lib.format.open_memmap(path, "w+", np.uint8, (len(clips), frames, size, size, 3)).flush()
        state = {"clips": ids, "videos": []}
    places: dict[str, list[int]] = defaultdict(list)
    for i, clip in enumerate(clips):
        places[clip.video].append(i)
    array = np.lib.format.open_memmap(path, "r+")
    for video, members in places.items():
        if video not in state["videos"]:
            of = [clips[i] for i in members]
            boxes = boxes_of(store, of, view)
            wanted = [
                Cut(clip.first + middle(clip.ticks, frames), box, size)
                for clip, box in zip(of, boxes, strict=True)
            ]
            for i, found in zip(members, pictures.cuts(video, wanted), strict=True):
                array[i] = found
            array.flush()
            state["videos"].append(video)
            replace_with(note, json.dumps(state))
        progress(video)
    return np.asarray(np.lib.format.open_memmap(path, "r"), np.uint8)
