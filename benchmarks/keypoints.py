"""How long does a frame take against MediaPipe Holistic 0.10.21, same frames, points compared first?

python benchmarks/keypoints.py [--frames 300] [--block 25]

Both follow one person from frame to frame on the same cores, in alternating blocks, so that whatever else
the machine does falls on both. Ours is the whole front end (cuts, subject, keypoints and irises, which the
peer's run leaves out); theirs is ``Holistic.process`` with its defaults. The peer's environment:
`make peer-mediapipe`.
"""

import argparse
import statistics
import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import record
from peer import Peer

from stream.bundle.model_cache import cache_dir
from stream.frontend.front_end import FrontEnd
from stream.frontend.mediapipe import embedded
from stream.records import Frame

PEER = record.ROOT / "benchmarks" / "peers" / "mediapipe"
PYTHON = record.ROOT / ".venv-mediapipe" / "bin" / "python"
sys.path.insert(0, str(PEER))

import agreement  # noqa: E402 - lies with the peer, which uses it too
import pictures  # noqa: E402

# Twice the limits for single pictures: the peer smooths its points over time, ours are as found.
TOLERANCE = {group: 2 * limit for group, limit in agreement.LIMITS.items()}


def without_hands(count: int) -> np.ndarray:
    """The built-in clip: a portrait, hands out of view."""
    with av.open(str(record.ROOT / "stream" / "assets" / "demo.mp4")) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in islice(container.decode(video=0), count)])


def with_hands(count: int) -> np.ndarray:
    """A picture of a man with both hands before him, swaying and a little noisy, 720 lines."""
    picture = pictures.picture("bus_middle", cache_dir() / "pictures")
    scale = 720 / picture.shape[0]
    rng, frames = np.random.default_rng(0), []
    for t in range(count):
        sway = 14 * np.sin(t / 13), 5 * np.sin(t / 7)
        matrix = np.array(((scale, 0, 480 + sway[0]), (0, scale, sway[1])))
        frame = cv2.warpAffine(picture, matrix, (1280, 720), flags=cv2.INTER_CUBIC, borderValue=(96, 96, 96))
        frames.append(np.clip(frame + rng.normal(0, 2, frame.shape), 0, 255).astype(np.uint8))
    return np.stack(frames)


def mediapipe(clips: dict[str, np.ndarray], work: Path) -> Peer:
    """MediaPipe in its own environment, with the frames that it will be asked about."""
    np.savez(work / "frames.npz", **clips)
    return Peer(PYTHON, PEER / "timing.py", [work / "frames.npz"], "peer-mediapipe")


def ours(front_end: FrontEnd, frames: np.ndarray, first: int, last: int) -> dict[str, Any]:
    took, parts, found = [], [], []
    for index in range(first, last):
        sighting = front_end.push(Frame(index, index / 25, index / 25, frames[index]))
        timings = sighting.timings_ms
        took.append(timings["total"])
        parts.append(
            (timings["total"] - timings["warp"] - timings["other"], timings["warp"], timings["other"])
        )
        found.append(sighting.landmarks)
    return {"ms": took, "parts": parts, "found": found}


def distances(mine: list[Any], theirs: list[dict[str, Any]]) -> dict[str, float]:
    """Mean distance of each group over the frames in which both found it, in shares of the person's size."""
    seen: dict[str, list[float]] = {}
    for landmarks, other in zip(mine, theirs, strict=True):
        for group, error in agreement.every(landmarks, other).items():
            if not isinstance(error, str):
                seen.setdefault("hands" if "hand" in group else group, []).append(error)
    return {group: round(statistics.fmean(errors), 4) for group, errors in seen.items()}


def measure(name: str, frames: np.ndarray, peer: Peer, block: int) -> dict[str, Any]:
    front_end = embedded.from_cache()
    mine: dict[str, list[Any]] = {"ms": [], "parts": [], "found": []}
    theirs: dict[str, list[Any]] = {"ms": [], "found": []}
    ratios = []
    for first in range(0, len(frames), block):
        last = min(first + block, len(frames))
        a, b = ours(front_end, frames, first, last), peer.ask(clip=name, first=first, last=last)
        ratios.append(statistics.median(a["ms"]) / statistics.median(b["ms"]))
        for total, part in ((mine, a), (theirs, b)):
            for key in total:
                total[key] += part[key]
    apart = distances(mine["found"], theirs["found"])
    for group, distance in apart.items():
        if distance > TOLERANCE[group]:
            sys.exit(
                f"{name}: {group} points lie {distance:.1%} apart; times of different answers do not compare"
            )
    steady = slice(block, None)  # the first block starts both
    network, warp, other = zip(*mine["parts"][steady], strict=True)
    return {
        "name": name,
        "frame": list(frames.shape[1:3]),
        "frames": len(frames),
        "points_apart": apart,
        "hands_seen": sum(each is not None and each.left_hand is not None for each in mine["found"]),
        "ours_ms": record.percentiles(mine["ms"][steady]),
        "theirs_ms": record.percentiles(theirs["ms"][steady]),
        "ratio": round(statistics.median(ratios[1:]), 3),
        "ratio_range": [round(min(ratios[1:]), 3), round(max(ratios[1:]), 3)],
        "ours_split_ms": {
            "networks": record.percentiles(list(network)),
            "warps": record.percentiles(list(warp)),
            "other": record.percentiles(list(other)),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--block", type=int, default=25)
    options = parser.parse_args()
    clips = {
        "hands out of view": without_hands(options.frames),
        "both hands in view": with_hands(options.frames),
    }
    with tempfile.TemporaryDirectory() as work:
        peer = mediapipe(clips, Path(work))
        try:
            measured = [measure(name, frames, peer, options.block) for name, frames in clips.items()]
        finally:
            peer.close()
    record.write("keypoints", {"peer": "mediapipe 0.10.21", "clips": measured})


if __name__ == "__main__":
    main()
