"""Films of warped portraits, tracked by the real front end, as recordings on disk.

``python -m training.data.films --out runs/demo/warped`` makes them. The portrait crops are stored with the
points, so that image features can be computed later with any encoder. An interrupted run resumes.
"""

import argparse
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from stream.frontend.front_end import FrontEnd
from stream.frontend.mediapipe import embedded
from stream.records import Image
from training.corpus.grid import RATE, STRIDE, Encode
from training.corpus.recording import Recording
from training.corpus.tensors import writing
from training.extraction.following import follow
from training.simulator.behaviour import DEMO, LABELS, NOTICE, PROFILES, Profile
from training.simulator.descriptions import describe
from training.simulator.performance import perform
from training.simulator.rendering import frames, read_video, write_video
from training.simulator.warp import PORTRAIT, Performer


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A recording without image features, and the crops to compute them from."""

    recording: Recording
    crops: Image  # uint8 [m, S, S, 3]
    slots: np.ndarray  # int64 [m], feature slot of each crop

    def encoded(self, encode: Encode | None) -> Recording:
        """The recording with image features; without an encoder, unchanged."""
        if encode is None or not len(self.slots):
            return self.recording
        vectors = encode(self.crops)
        features = np.zeros((len(self.recording.feature_mask), vectors.shape[1]), np.float32)
        features[self.slots] = vectors
        mask = np.zeros(len(features), np.bool_)
        mask[self.slots] = True
        return replace(self.recording, features=features, feature_mask=mask)


def warped(profile: Profile, parts: Sequence[tuple[str, float]], seed: int, front_end: FrontEnd) -> Film:
    """One warped person, rendered, compressed as H.264 and tracked by the real front end.

    A third of the seeds show the original portrait, the others variations of it.
    """
    rng = np.random.default_rng([seed, 2000])
    performer = Performer(None if rng.random() < 1 / 3 else seed)
    performance = perform(profile, parts, rng)
    grain, crf = float(rng.uniform(1.0, 3.5)), int(rng.integers(22, 31))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "feed.mp4"
        write_video(path, frames(performer, performance, rng, grain), crf=crf, preset="veryfast")
        track = follow(read_video(path), front_end, crop_size=PORTRAIT)
    steps = np.diff(performance.llr, prepend=np.float32(0)) * track.present
    spelt = ",".join(f"{name}:{seconds:g}" for name, seconds in parts)
    recording = Recording(
        points=track.points,
        valid=track.valid,
        boxes=track.boxes,
        present=track.present,
        segments=track.segments,
        features=None,
        feature_mask=np.zeros(-(-len(track.points) // STRIDE), np.bool_),
        text=describe(performance.events, rng),
        label=LABELS[parts[-1][0]],
        subject=f"warped-{seed}",
        llr=np.cumsum(steps, dtype=np.float64).astype(np.float32),
        provenance=f"warped portrait, profile {profile.name}, parts {spelt}, seed {seed}; {NOTICE}",
        mixed=len(parts) > 1,
    )
    crops = np.array(list(track.crops.values()), np.uint8).reshape(-1, PORTRAIT, PORTRAIT, 3)
    return Film(recording, crops, np.array(list(track.crops), np.int64))


def warped_recordings(
    profile: Profile,
    n: int,
    seconds: float,
    seed: int,
    front_end: FrontEnd,
    *,
    encode: Encode | None = None,
    mixed: float = 0.0,
    folder: Path | None = None,
) -> Iterator[Recording]:
    """``n`` warped people, alternating classes; existing ones in ``folder`` are read, new ones stored there.

    In a share ``mixed`` of them the behaviour changes once, between one and three quarters of the recording.
    """
    for i in range(n):
        path = folder / f"{profile.name}-{seed + i:06d}.safetensors" if folder else None
        if path and path.exists():
            yield load(path, encode)
            continue
        rng = np.random.default_rng([seed + i, 2001])
        names = ("win", "loss") if i % 2 == 0 else ("loss", "win")
        first = seconds * float(rng.uniform(0.25, 0.75)) if rng.random() < mixed else 0.0
        first = round(first * RATE) / RATE
        parts = [(name, s) for name, s in zip(names, (first, seconds - first), strict=True) if s > 0]
        film = warped(profile, parts, seed + i, front_end)
        if path:
            save(film, path)
        yield film.encoded(encode)


_ARRAYS = ("points", "valid", "boxes", "present", "segments", "feature_mask", "llr")


def save(film: Film, path: Path) -> None:
    """Write a film as safetensors, atomically."""
    recording = film.recording
    arrays = {name: np.ascontiguousarray(getattr(recording, name)) for name in _ARRAYS}
    metadata = {
        "subject": recording.subject,
        "provenance": recording.provenance,
        "label": str(recording.label),
    }
    if recording.text is not None:
        metadata["text"] = recording.text
    with writing(path) as part:
        save_file(arrays | {"crops": film.crops, "slots": film.slots}, part, metadata=metadata)


def load(path: Path, encode: Encode | None = None) -> Recording:
    """Read a film written by ``save``, with image features if there is an encoder."""
    with safe_open(path, "np") as stored:
        metadata = stored.metadata()
        arrays = {name: stored.get_tensor(name) for name in (*_ARRAYS, "crops", "slots")}
    crops, slots = arrays.pop("crops"), arrays.pop("slots")
    recording = Recording(
        **arrays,
        features=None,
        text=metadata.get("text"),
        label=int(metadata["label"]),
        subject=metadata["subject"],
        provenance=metadata["provenance"],
        mixed=behaviour_changes(metadata["provenance"]),
    )
    return Film(recording, crops, slots).encoded(encode)


def behaviour_changes(provenance: str) -> bool:
    """Whether a film shows more than one behaviour, according to its provenance."""
    parts = re.search(r"parts (\S+),", provenance)
    return parts is not None and "," in parts[1]


def load_folder(folder: str | Path, encode: Encode | None = None) -> list[Recording]:
    """All recordings of a folder, sorted by name."""
    return [load(path, encode) for path in sorted(Path(folder).glob("*.safetensors"))]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=f"Recordings of warped portraits ({NOTICE}).")
    parser.add_argument("--out", type=Path, default=Path("runs/demo/warped"))
    parser.add_argument("--profile", choices=sorted(PROFILES), default=DEMO.name)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mixed", type=float, default=0.0, help="share whose behaviour changes once")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    front_end = embedded.from_cache(threads=options.threads)
    profile, count, seconds = PROFILES[options.profile], options.count, options.seconds
    recordings = warped_recordings(
        profile, count, seconds, options.seed, front_end, mixed=options.mixed, folder=options.out
    )
    for recording in recordings:
        evidence = recording.evidence(0, recording.ticks)
        print(f"{recording.subject}: {recording.ticks} ticks, evidence {evidence:.1f}", flush=True)


if __name__ == "__main__":
    main()
