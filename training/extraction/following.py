"""Video → what the live side would have seen, by the live side's own decoder, grid and front end."""

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

LONGEST_GAP = 4000  # ticks, the longest window: a longer gap says nothing more, and a broken clock has any
PATIENCE_S = 60.0  # for a file that says nothing; machines that extract are busy


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """The front end's answers, tick by tick."""

    points: Floats  # float32 [T, 137, 2], frame pixels
    valid: Mask  # bool [T, 137]
    boxes: Floats  # float32 [T, 4]
    present: Mask  # bool [T]
    segments: np.ndarray  # int64 [T], grows at every cut
    crops: dict[int, Image] = field(default_factory=dict)  # feature slot → uint8 [S, S, 3], of `follow`


def opened(path: Path) -> Capture:
    """A video file at the pace of its reader, a context manager. Raises SourceError for what is no video."""
    capture = Capture(
        Source.parse(str(path)), pace="fast", open_timeout_s=PATIENCE_S, read_timeout_s=PATIENCE_S
    )
    capture.open()
    return capture


def frames_of(capture: Capture) -> Iterator[Frame]:
    """Every frame to the end. Raises SourceError when the source breaks off."""
    return capture.frames()


def on_grid(frames: Iterable[Frame], rate: float = RATE) -> Iterator[tuple[int, Frame]]:
    """The frames that own a tick, as live: the first that claims it. Ticks nobody claims are left out.

    A gap beyond ``LONGEST_GAP`` is shortened to it, by whole feature slots.
    """
    grid, newest, left_out = Grid(rate), -1, 0
    for frame in frames:
        tick = grid.claim(frame.pts, frame.discontinuity)
        if tick is not None:
            gap = tick - left_out - newest - 1
            left_out += max(0, gap - LONGEST_GAP) // STRIDE * STRIDE
            newest = tick - left_out
            yield newest, frame


def track(
    ticks: Iterable[tuple[int, Frame]],
    front_end: FrontEnd,
    *,
    crop_size: int = 0,
    take: Callable[[int, Image], None] = lambda slot, crop: None,
) -> Track:
    """Push the frames of a grid through the front end from a fresh start; skipped ticks show nobody.

    ``crop_size`` > 0 gives ``take`` every feature slot's first portrait, as the live side cuts it.
    """
    front_end.reset()
    nobody = np.zeros((COUNT, 2), np.float32), np.zeros(COUNT, np.bool_), (0.0,) * 4, False
    rows: list[tuple[Floats, Mask, tuple[float, ...], bool]] = []
    scenes: list[int] = []
    before: int | None = None  # scenes of the front end before this video
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
    """Push pictures, one a tick, through the front end; with ``crop_size`` the crops are kept."""
    crops: dict[int, Image] = {}
    ticks = ((i, Frame(i, i / RATE, i / RATE, picture)) for i, picture in enumerate(pictures))
    return replace(track(ticks, front_end, crop_size=crop_size, take=crops.__setitem__), crops=crops)
