"""Video → what the live side would have seen, by the live side's own front end; recordings on disk.

``python -m training.extract --out runs/demo/warped`` makes recordings of warped portraits through the real
keypoint chain, with image features if an encoder is given. It may be stopped and started again.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from stream.features import crop_portrait
from stream.frontend import FrontEnd
from stream.records import Floats, Frame, Image, Mask
from stream.skeleton import COUNT
from training.behaviour import DEMO, LABELS, NOTICE, PROFILES, Profile
from training.clip import frames, read_video, write_video
from training.corpus import Recording
from training.descriptions import describe
from training.simulator import RATE, STRIDE, perform
from training.warp import Performer

Encode = Callable[[Image], Floats]  # uint8 [N, S, S, 3] → float32 [N, D]


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """The front end's answers, tick by tick."""

    points: Floats  # float32 [T, 137, 2], frame pixels
    valid: Mask  # bool [T, 137]
    boxes: Floats  # float32 [T, 4]
    present: Mask  # bool [T]
    segments: np.ndarray  # int64 [T], grows at every cut
    crops: dict[int, Image]  # feature slot → uint8 [S, S, 3]; empty unless a crop size was given


def follow(
    pictures: Iterable[Image], front_end: FrontEnd, *, rate: float = RATE, crop_size: int = 0
) -> Track:
    """Push pictures, one a tick, through the front end from a fresh start.

    ``crop_size`` > 0 also cuts the portrait of the first tick of every feature slot, as the live side does.
    """
    front_end.reset()
    rows, crops = [], {}
    segment = 1
    for i, picture in enumerate(pictures):
        portrait, pose = front_end.push(Frame(i, i / rate, i / rate, picture))
        if portrait is None or pose is None:
            rows.append((np.zeros((COUNT, 2)), np.zeros(COUNT), np.zeros(4), False, segment))
            continue
        segment += portrait.cut
        rows.append((pose.points, pose.valid, portrait.box, True, segment))
        if crop_size and i // STRIDE not in crops:
            crops[i // STRIDE] = crop_portrait(picture, portrait, crop_size)
    points, valid, boxes, present, segments = zip(*rows, strict=True)
    return Track(
        points=np.array(points, np.float32),
        valid=np.array(valid, np.bool_),
        boxes=np.array(boxes, np.float32),
        present=np.array(present, np.bool_),
        segments=np.array(segments, np.int64),
        crops=crops,
    )


def warped(
    profile: Profile,
    parts: Sequence[tuple[str, float]],
    seed: int,
    front_end: FrontEnd,
    *,
    encode: Encode | None = None,
    size: int = 0,
) -> Recording:
    """One warped person, filmed, compressed as H.264 and tracked by the real chain.

    A third are the portrait as it is, the others variations of it. ``encode`` takes crops of ``size`` pixels.
    """
    rng = np.random.default_rng([seed, 2000])
    performer = Performer(None if rng.random() < 1 / 3 else seed)
    performance = perform(profile, parts, rng)
    grain, crf = float(rng.uniform(1.0, 3.5)), int(rng.integers(22, 31))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "feed.mp4"
        write_video(path, frames(performer, performance, rng, grain), crf=crf, preset="veryfast")
        track = follow(read_video(path), front_end, crop_size=size if encode else 0)
    slots = -(-len(track.points) // STRIDE)
    features, mask = None, np.zeros(slots, np.bool_)
    if encode and track.crops:
        vectors = encode(np.stack(list(track.crops.values())))
        features = np.zeros((slots, vectors.shape[1]), np.float32)
        features[list(track.crops)] = vectors
        mask[list(track.crops)] = True
    steps = np.diff(performance.llr, prepend=np.float32(0)) * track.present
    spelt = ",".join(f"{name}:{seconds:g}" for name, seconds in parts)
    return Recording(
        points=track.points,
        valid=track.valid,
        boxes=track.boxes,
        present=track.present,
        segments=track.segments,
        features=features,
        feature_mask=mask,
        text=describe(performance.events, rng),
        label=LABELS[parts[-1][0]],
        subject=f"warped-{seed}",
        llr=np.cumsum(steps, dtype=np.float64).astype(np.float32),
        provenance=f"warped portrait, profile {profile.name}, parts {spelt}, seed {seed}; {NOTICE}",
    )


def warped_recordings(
    profile: Profile,
    n: int,
    seconds: float,
    seed: int,
    front_end: FrontEnd,
    *,
    encode: Encode | None = None,
    size: int = 0,
    mixed: float = 0.0,
    folder: Path | None = None,
) -> Iterator[Recording]:
    """``n`` warped people, classes in turn; those already in ``folder`` are read, new ones are kept there.

    In a share ``mixed`` of them the behaviour changes once, somewhere between a quarter and three quarters.
    """
    for i in range(n):
        path = folder / f"{profile.name}-{seed + i}.safetensors" if folder else None
        if path and path.exists():
            yield load(path)
            continue
        rng = np.random.default_rng([seed + i, 2001])
        names = ("win", "loss") if i % 2 == 0 else ("loss", "win")
        first = seconds * float(rng.uniform(0.25, 0.75)) if rng.random() < mixed else 0.0
        first = round(first * RATE) / RATE
        parts = [(name, s) for name, s in zip(names, (first, seconds - first), strict=True) if s > 0]
        recording = warped(profile, parts, seed + i, front_end, encode=encode, size=size)
        if path:
            save(recording, path)
        yield recording


_ARRAYS = ("points", "valid", "boxes", "present", "segments", "features", "feature_mask", "llr")


def save(recording: Recording, path: Path) -> None:
    """Write a recording as safetensors, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: getattr(recording, name) for name in _ARRAYS}
    kept = {name: np.ascontiguousarray(a) for name, a in arrays.items() if a is not None}
    words = {"subject": recording.subject, "provenance": recording.provenance, "label": str(recording.label)}
    if recording.text is not None:
        words["text"] = recording.text
    part = path.with_name(f".{path.name}.part")
    save_file(kept, part, metadata=words)
    os.replace(part, path)


def load(path: Path) -> Recording:
    """Read what ``save`` wrote."""
    with safe_open(path, "np") as stored:
        words = stored.metadata()
        arrays = {name: stored.get_tensor(name) if name in stored.keys() else None for name in _ARRAYS}  # noqa: SIM118
    return Recording(
        **arrays,
        text=words.get("text"),
        label=int(words["label"]),
        subject=words["subject"],
        provenance=words["provenance"],
    )


def load_folder(folder: str | Path) -> list[Recording]:
    """Every recording of a folder, by name."""
    return [load(path) for path in sorted(Path(folder).glob("*.safetensors"))]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=f"Recordings of warped portraits ({NOTICE}).")
    parser.add_argument("--out", type=Path, default=Path("runs/demo/warped"))
    parser.add_argument("--profile", choices=sorted(PROFILES), default=DEMO.name)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mixed", type=float, default=0.0, help="share whose behaviour changes once")
    parser.add_argument("--encoder", type=Path, help="folder of a trained image encoder")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    encode, size = None, 0
    if options.encoder:
        from training import image_encoder

        model, size = image_encoder.load(options.encoder), image_encoder.SIZE

        def encode(images: Image) -> Floats:
            return image_encoder.encode(model, images)

    made = warped_recordings(
        PROFILES[options.profile], options.count, options.seconds, options.seed,
        FrontEnd.from_cache(threads=options.threads),
        encode=encode, size=size, mixed=options.mixed, folder=options.out,
    )  # fmt: skip
    for recording in made:
        print(f"{recording.subject}: {recording.ticks} ticks, evidence {recording.llr[-1]:.1f}", flush=True)


if __name__ == "__main__":
    main()
