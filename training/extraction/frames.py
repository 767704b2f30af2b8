"""A few portraits of every video, stored beside its recording for the video baseline (X-CLIP)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from stream.branches.image import crop_portrait
from stream.errors import SourceError, UsageError
from stream.records import Image, Portrait
from training.corpus.grid import RATE
from training.corpus.recording import Recording
from training.corpus.tensors import writing
from training.extraction.following import frames_of, on_grid, open_video

FRAMES, SIZE = "frames", 224  # pixels, the input of X-CLIP


def pick_frames(ticks: int, count: int) -> NDArray[np.int64]:
    """Centres of ``count`` equal stretches of a video of ``ticks`` frames; a shorter video repeats frames."""
    if ticks < 1 or count < 1:
        raise UsageError(
            f"expected at least one frame to pick from and one to pick, found {ticks} and {count}; "
            "leave empty videos out."
        )
    return (2 * np.arange(count) + 1) * ticks // (2 * count)


def pick(path: Path, recording: Recording, count: int) -> Image:
    """Portraits at ``count`` evenly spaced ticks with a person, uint8 [count, 224, 224, 3].

    Decodes the video again. Returns [0, 224, 224, 3] for a video without a person. Raises SourceError for a
    video that is shorter than its recording.
    """
    present = np.flatnonzero(recording.present)
    if not len(present):
        return np.zeros((0, SIZE, SIZE, 3), np.uint8)
    selected = present[pick_frames(len(present), count)].tolist()
    crops: dict[int, Image] = {}
    with open_video(path) as capture:
        for tick, frame in on_grid(frames_of(capture)):
            if tick in selected:
                x0, y0, x1, y1 = recording.boxes[tick].tolist()
                crops[tick] = crop_portrait(frame.image, Portrait((x0, y0, x1, y1), 1.0), SIZE)
            if tick >= selected[-1]:
                break
    if missing := set(selected) - set(crops):
        raise SourceError(
            f"{path}: expected the video that its recording was made from, found none of its pictures at "
            f"{min(missing) / RATE:g} s; remove the recording and run the command again."
        )
    return np.stack([crops[tick] for tick in selected])


def path_of(folder: Path, id: str) -> Path:
    """Path of a video's portraits in a corpus."""
    return folder / FRAMES / f"{id}.safetensors"


def read(folder: Path, id: str, count: int) -> Image | None:
    """Portraits stored by ``write``: ``count`` or, for a video without a person, none; otherwise None."""
    try:
        with safe_open(path_of(folder, id), "np") as stored:
            portraits: Image = stored.get_tensor(FRAMES)
    except (OSError, SafetensorError):
        return None
    return portraits if len(portraits) in (0, count) else None


def write(folder: Path, id: str, frames: Image) -> None:
    """Store portraits beside the recordings, atomically."""
    path = path_of(folder, id)
    with writing(path) as part:
        save_file({FRAMES: frames}, part)
