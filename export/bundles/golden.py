"""Golden tensors of a bundle: clips, texts and portraits, with the float32 outputs of its networks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from msgspec import structs

from export.bundles.write import copied
from stream.branches.full_mode import FullMode
from stream.branches.image import ImageEncoder, crop_portrait
from stream.branches.ring_mode import RingMode
from stream.branches.text import TextReader
from stream.bundle.load import Bundle
from stream.bundle.manifest import Golden, Manifest
from stream.capture.capture import Capture
from stream.capture.source import Source
from stream.errors import SourceError
from stream.frontend.mediapipe import embedded
from stream.records import Image
from stream.skeleton import COUNT
from stream.verify import golden
from stream.verify.answers import Encode, compute_answers
from stream.verify.golden import Inputs
from stream.window.grid import Grid

FOLDER = "golden"
MOMENTS, PORTRAITS = 12, 3  # per clip
TEXTS = (
    "nods, brows raise, smile; lips press; hand at the face; win: likely, loss: less likely",
    "head lower, frowns, lips press; turns away; win: unlikely, loss: likely",
    "still",
    "smiles and nods. " * 40,  # longer than the text branch's input
)


@dataclass(frozen=True, slots=True, eq=False)
class ObservedClip:
    """The front end's output for a whole video."""

    inputs: Inputs  # features still missing: they are computed from ``crops``
    crops: dict[int, Image]  # slot → uint8 [size, size, 3]


def moments(ticks: int, poses: int) -> np.ndarray:
    """Ticks to estimate at: spread over the clip, plus one at which the window is full (the clip repeats)."""
    spread = np.linspace(ticks / MOMENTS, ticks, MOMENTS).round().astype(np.int64) - 1
    return np.unique(np.append(spread, max(poses, ticks) - 1))


def write(
    bundle: Bundle, temporal: FullMode | None, encode: Encode | None, clips: Sequence[Inputs]
) -> tuple[str, ...]:
    """Compute the outputs and write ``golden/N.npz`` into the bundle's folder; returns the files' names for
    the manifest.

    ``temporal`` gives the outputs of full mode, and is None for a bundle with ring mode only. The outputs of
    ring mode come from the bundle's own graphs, run tick by tick.
    """
    (bundle.folder / FOLDER).mkdir(exist_ok=True)
    ring = RingMode(bundle) if "ring" in bundle.manifest.modes else None
    names = []
    for n, clip in enumerate(clips):
        inputs = golden.rounded(clip)
        names.append(f"{FOLDER}/{n}.npz")
        modes = [mode for mode in (temporal, ring) if mode is not None]
        outputs = [
            compute_answers(bundle, mode, encode if mode is modes[0] else None, inputs) for mode in modes
        ]
        golden.save(bundle.path(names[-1]), inputs, outputs[0], outputs[-1] if ring is not None else None)
    return tuple(names)


def add(bundle: Bundle, sources: Iterable[str], out: Path, *, threads: int = 2) -> Bundle:
    """Copy ``bundle`` to ``out`` and add golden clips from videos, with the outputs of its own float32 graphs
    on the CPU. They show that another machine agrees with this one, not that the graphs agree with the
    networks that they were exported from.

    Raises SourceError for a video that shows nobody.
    """
    names = list(sources)
    temporal = FullMode(bundle, threads=threads) if "full" in bundle.manifest.modes else None
    image = bundle.manifest.image
    encode = ImageEncoder(bundle, image, threads=threads) if image else None
    clips = [with_features(observe(bundle, name, threads=threads), encode) for name in names]

    def fill(folder: Path) -> Manifest:
        files = write(structs.replace(bundle, folder=folder), temporal, encode, clips)
        entry = Golden(
            files=files,
            inputs=f"video through the front end: {', '.join(Path(name).name for name in names)}",
            outputs="the bundle's own float32 graphs, ONNX Runtime on a CPU",
        )
        return structs.replace(bundle.manifest, golden=entry)

    return copied(bundle, out, fill)


def observe(bundle: Bundle, source: str, *, threads: int = 2) -> ObservedClip:
    """Run the front end over a whole video. Raises SourceError if no person is found."""
    manifest = bundle.manifest
    window, image = manifest.window, manifest.image
    grid, front_end = Grid(window.rate), embedded.from_cache(threads)
    seen: dict[int, tuple[np.ndarray, np.ndarray, tuple[float, ...], bool]] = {}
    crops: dict[int, Image] = {}
    with Capture(Source.parse(source), pace="fast") as capture:
        capture.open()
        for frame in capture.frames():
            tick = grid.claim(frame.pts, frame.discontinuity)
            if tick is None:
                continue
            sighting = front_end.push(frame)
            portrait, pose = sighting.portrait, sighting.pose
            if portrait is None or pose is None:
                continue
            seen[tick] = (pose.points, pose.valid, portrait.box, portrait.cut or frame.discontinuity)
            slot = tick // window.stride
            if image is not None and slot not in crops:
                crops[slot] = crop_portrait(frame.image, portrait, image.size)
    if not seen:
        raise SourceError(f"{source}: expected somebody in the video, found nobody; choose another.")
    ticks = max(seen) + 1
    points, valid = np.zeros((ticks, COUNT, 2), np.float32), np.zeros((ticks, COUNT), np.bool_)
    boxes, cuts = np.zeros((ticks, 4), np.float32), np.zeros(ticks, np.bool_)
    for tick, row in seen.items():
        points[tick], valid[tick], boxes[tick], cuts[tick] = row
    slots = -(-ticks // window.stride)
    inputs = Inputs(
        points=points,
        valid=valid,
        boxes=boxes,
        cuts=cuts,
        features=np.zeros((slots, image.dim if image else 0), np.float32),
        feature_mask=np.zeros(slots, np.bool_),
        text=golden.together([*map(TextReader(bundle, manifest.text), TEXTS)]) if manifest.text else None,
        portraits=sample_portraits(crops, image.size if image else 0),
        moments=moments(ticks, window.poses),
    )
    return ObservedClip(inputs, crops)


def sample_portraits(crops: dict[int, Image], size: int) -> Image:
    """Up to `PORTRAITS` portraits spread over the clip, uint8 [N, size, size, 3]."""
    slots = sorted(crops)
    chosen = [crops[slots[i]] for i in np.linspace(0, len(slots) - 1, min(PORTRAITS, len(slots))).astype(int)]
    return np.array(chosen, np.uint8).reshape(-1, size, size, 3)


def with_features(clip: ObservedClip, encode: Encode | None) -> Inputs:
    """The clip's inputs with an image feature for every slot that has a portrait."""
    inputs = clip.inputs
    if encode is None:
        return inputs
    features, mask = inputs.features.copy(), inputs.feature_mask.copy()
    for slot, crop in clip.crops.items():
        features[slot], mask[slot] = encode(crop), True
    return replace(inputs, features=features, feature_mask=mask)
