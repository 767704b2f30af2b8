"""H.264 clips of the warped portrait, including the built-in one.

``python -m training.simulator.rendering`` rebuilds ``stream/assets/demo.mp4`` and the JSON note beside it.
The behaviour is made up and has no real-world meaning; both files say so.
"""

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np

from stream.files import replacing
from stream.records import Image
from training.corpus.grid import RATE
from training.simulator.behaviour import DEMO, NOTICE, PROFILES, Event, Profile
from training.simulator.performance import Performance, perform
from training.simulator.warp import Performer, camera_shake

ASSETS = Path(__file__).parents[2] / "stream" / "assets"
PARTS = (("loss", 30.0), ("win", 60.0))
CAPTION = ("made-up behaviour", "no real-world meaning")
SEED = 2  # a schedule whose evidence is near its expectation in both parts
GRAIN = 2.0  # grey levels of sensor noise


def frames(
    performer: Performer, performance: Performance, rng: np.random.Generator, grain: float = GRAIN
) -> Iterator[Image]:
    """The frames of a performance as a camera would record them, uint8 [H, W, 3]."""
    shake = camera_shake(len(performance.activations), rng)
    for activation, sway, moved in zip(performance.activations, performance.sway, shake, strict=True):
        yield performer.noisy(performer(activation, sway, moved), rng, grain)


def captioned(image: Image) -> Image:
    """Draw the notice on the dark table beside the person, in place."""
    for line, text in enumerate(CAPTION):
        (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.42, 1)
        at = (image.shape[1] - width - 8, image.shape[0] - 50 + 16 * line)
        cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (200, 200, 200), 1, cv2.LINE_AA)
    return image


def write_video(path: Path, pictures: Iterable[Image], *, crf: int = 27, preset: str = "medium") -> None:
    """H.264 in MP4 at 25 frames per second, a key frame every 2 s; written atomically.

    One encoder thread and no time stamps inside: the same frames give the same bytes.
    """
    with (
        replacing(path) as part,
        av.open(str(part), "w", format="mp4", options={"movflags": "faststart"}) as container,
    ):
        stream = container.add_stream("libx264", rate=Fraction(round(RATE)))
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(crf), "preset": preset, "g": "50", "threads": "1"}
        for i, picture in enumerate(pictures):
            if i == 0:
                stream.height, stream.width = picture.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def read_video(path: Path) -> Iterator[Image]:
    """Every frame of a video file, uint8 [H, W, 3]."""
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for frame in container.decode(video=0):
            yield cast(Image, frame.to_ndarray(format="rgb24"))  # of this format always uint8


def make_clip(
    path: Path,
    parts: Sequence[tuple[str, float]] = PARTS,
    *,
    seed: int = SEED,
    profile: Profile = DEMO,
    performer: Performer | None = None,
) -> Performance:
    """Write a clip and a JSON note on its content; the same arguments give the same clip."""
    rng = np.random.default_rng([seed, 25])
    performance = perform(profile, parts, rng)
    performer = performer or Performer()
    write_video(path, (captioned(f) for f in frames(performer, performance, rng)))
    note = {
        "notice": NOTICE,
        "picture": "skimage.data.astronaut(), NASA, public domain; the behaviour is made up, not hers",
        "command": "python -m training.simulator.rendering",
        "profile": profile.name,
        "rates_per_minute": {r.action: {"win": r.win, "loss": r.loss} for r in profile.rates},
        "amplitude_in_tracker_noise": profile.amplitude,
        "seed": seed,
        "parts": [{"behaviour": label, "seconds": seconds} for label, seconds in parts],
        "log_likelihood_ratio": _milestones(performance, parts),
    }
    events = ",\n".join(f"  {json.dumps(_rounded(e))}" for e in performance.events)
    text = f'{json.dumps(note, indent=1)[:-2]},\n "events": [\n{events}\n ]\n}}\n'
    path.with_suffix(".json").write_text(text)
    return performance


def _rounded(event: Event) -> dict[str, object]:
    return {k: round(v, 3) if isinstance(v, float) else v for k, v in asdict(event).items()}


def _milestones(performance: Performance, parts: Sequence[tuple[str, float]]) -> dict[str, float]:
    """The exact log-likelihood ratio of the true events up to the end of each part."""
    ends = np.cumsum([seconds for _, seconds in parts])
    return {f"{end:g} s": round(float(performance.llr[round(end * RATE) - 1]), 2) for end in ends}


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=f"Make the built-in clip ({NOTICE}).")
    parser.add_argument("--out", type=Path, default=ASSETS / "demo.mp4")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--profile", choices=sorted(PROFILES), default=DEMO.name)
    parser.add_argument(
        "--parts", default=",".join(f"{name}:{s:g}" for name, s in PARTS), help="loss:30,win:60"
    )
    options = parser.parse_args(arguments)
    parts = tuple((name, float(s)) for name, s in (part.split(":") for part in options.parts.split(",")))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    make_clip(options.out, parts, seed=options.seed, profile=PROFILES[options.profile])
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
