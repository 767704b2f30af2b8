"""Video → track, with the live side's own decoder, grid and front end."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from stream.branches.image import crop_portrait
from stream.capture.capture import Capture
from stream.capture.source import Source
from stream.frontend.front_end import FrontEnd
from stream.records import Floats, Frame, Image, Mask
from stream.skeleton import COUNT
from stream.window.grid import Grid
from training.corpus.grid import RATE, STRIDE

LONGEST_GAP = 4000  # ticks, the longest window: longer gaps add nothing, and a broken clock may give any
TIMEOUT_S = 60.0  # to open or read a file; long, because machines that extract are busy


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """The front end's results, tick by tick."""

    points: Floats  # float32 [T, 137, 2], frame pixels
    valid: Mask  # bool [T, 137]
    boxes: Floats  # float32 [T, 4]
    present: Mask  # bool [T]
    segments: np.ndarray  # int64 [T], increases at every cut
    crops: dict[int, Image] = field(default_factory=dict)  # feature slot → uint8 [S, S, 3], from `follow`


def open_video(path: Path) -> Capture:
    """Open a video file, as a context manager, without pacing. Raises SourceError for a file that is no
    video."""
    capture = Capture(
        Source.parse(str(path)), pace="fast", open_timeout_s=TIMEOUT_S, read_timeout_s=TIMEOUT_S
    )
    capture.open()
    return capture


def frames_of(capture: Capture) -> Iterator[Frame]:
    """Every frame to the end. Raises SourceError when the source breaks off."""
    return capture.frames()


def on_grid(frames: Iterable[Frame], rate: float = RATE) -> Iterator[tuple[int, Frame]]:
    """The first frame of each tick, as on the live side, with its tick; ticks without a frame are skipped.

    A gap longer than ``LONGEST_GAP`` is shortened to it, by whole feature slots.
    """
    grid, newest, skipped = Grid(rate), -1, 0
    for frame in frames:
        tick = grid.claim(frame.pts, frame.discontinuity)
        if tick is not None:
            gap = tick - skipped - newest - 1
            skipped += max(0, gap - LONGEST_GAP) // STRIDE * STRIDE
            newest = tick - skipped
            yield newest, frame


def track(
    ticks: Iterable[tuple[int, Frame]],
    front_end: FrontEnd,
    *,
    crop_size: int = 0,
    take: Callable[[int, Image], None] = lambda slot, crop: None,
) -> Track:
    """Push the frames of a grid through the reset front end; skipped ticks show nobody.

    With ``crop_size`` > 0, ``take`` receives the first portrait of every feature slot, cropped as on the live
    side.
    """
    front_end.reset()
    nobody = np.zeros((COUNT, 2), np.float32), np.zeros(COUNT, np.bool_), (0.0,) * 4, False
    rows: list[tuple[Floats, Mask, tuple[float, ...], bool]] = []
    scenes: list[int] = []
    before: int | None = None  # the front end's scenes before this video
    scene, slot = 1, -1
    for tick, frame in ticks:
        rows += [nobody] * (tick - len(rows))
        scenes += [scene] * (tick - len(scenes))
        sighting = front_end.push(frame)
        portrait, pose = sighting.portrait, sighting.pose
        before = sighting.scene - 1 if before is None else before
        scene = sighting.scene - before
        scenes.append(scene)
        if portrait is None or pose is None:
            rows.append(nobody)
            continue
        rows.append((pose.points, pose.valid, portrait.box, True))
        if crop_size and tick // STRIDE > slot:
            slot = tick // STRIDE
            take(slot, crop_portrait(frame.image, portrait, crop_size))
    points, valid, boxes, present = zip(*rows, strict=True)
    return Track(
        points=np.array(points, np.float32),
        valid=np.array(valid, np.bool_),
        boxes=np.array(boxes, np.float32),
        present=np.array(present, np.bool_),
        segments=np.array(scenes, np.int64),
    )


def follow(pictures: Iterable[Image], front_end: FrontEnd, *, crop_size: int = 0) -> Track:
    """Push images, one per tick, through the front end; with ``crop_size`` the track includes the crops."""
    crops: dict[int, Image] = {}
    ticks = ((i, Frame(i, i / RATE, i / RATE, picture)) for i, picture in enumerate(pictures))
    return replace(track(ticks, front_end, crop_size=crop_size, take=crops.__setitem__), crops=crops)
