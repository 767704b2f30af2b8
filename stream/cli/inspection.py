"""``undertone inspect``: one frame through the front end."""

import sys
import time
from pathlib import Path
from typing import Literal

import cv2

from stream.branches.image import crop_portrait
from stream.capture.capture import Capture
from stream.capture.source import Source
from stream.cli.model_sets import ensure
from stream.cli.options import InspectOptions
from stream.cli.sources import resolve
from stream.cli.terminal import json_line, say
from stream.errors import SourceError, UsageError
from stream.overlay.writer import draw_inspection
from stream.records import Frame, Portrait, Pose
from stream.runtime.front_end_choice import chosen
from stream.skeleton import COUNT, GROUPS


def run(options: InspectOptions) -> None:
    """Inspect the first frame at or after ``at_s`` seconds of the source; print, and draw if asked.

    Raises UndertoneError for a source or models that cannot be used.
    """
    source, threads = Source.parse(resolve(options.source), access=options.access), options.threads
    choice = chosen(options.front_end)
    choice.prove("cpu", say, threads=threads)
    ensure(choice, say, yes=options.yes)
    front_end, encode = choice.build(threads=threads), choice.encoder(threads=threads)
    frame = _frame(source, options.at_s, options.timeout_s)
    sighting = front_end.push(frame)
    portrait, pose, timings, vector = sighting.portrait, sighting.pose, sighting.timings_ms, None
    if encode is not None and portrait is not None:
        began = time.perf_counter()
        vector = encode(crop_portrait(frame.image, portrait, encode.spec.size))
        timings["image"] = 1e3 * (time.perf_counter() - began)
    seen = report(frame, portrait, pose, timings)
    if encode is not None:
        seen["image"] = None if vector is None else [round(float(value), 5) for value in vector]
    if options.out is not None:
        write_png(options.out, draw_inspection(frame.image, portrait, pose))
    if options.json:
        sys.stdout.write(json_line(seen))
    else:
        sys.stdout.write(_sentence(seen, portrait, pose) + "\n")


def report(
    frame: Frame, portrait: Portrait | None, pose: Pose | None, timings_ms: dict[str, float]
) -> dict[str, object]:
    """The object that ``inspect --json`` prints; x and y in pixels of the frame."""
    height, width = frame.image.shape[:2]
    keypoints: list[list[object]] = (
        [[0.0, 0.0, False] for _ in range(COUNT)]
        if pose is None
        else [
            [round(float(x), 3), round(float(y), 3), bool(valid)]
            for (x, y), valid in zip(pose.points, pose.valid, strict=True)
        ]
    )
    return {
        "pts": frame.pts,
        "size": [width, height],
        "portrait": None if portrait is None else [round(float(side), 2) for side in portrait.box],
        "keypoints": keypoints,
        "timings_ms": {stage: round(ms, 3) for stage, ms in timings_ms.items()},
    }


def write_png(path: Path, image: object) -> None:
    """Write RGB uint8 [H, W, 3] as PNG. Raises UsageError when the file cannot be written."""
    ok, encoded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    try:
        if not ok:
            raise OSError("the picture could not be encoded")
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise UsageError(
            f"--out {path}: expected a place to write a PNG to, found {error.strerror or error}; "
            "choose another."
        ) from error


def _frame(source: Source, at_s: float, timeout_s: float) -> Frame:
    pace: Literal["live", "fast"] = "live" if source.live else "fast"
    with Capture(
        source, pace=pace, open_timeout_s=timeout_s, read_timeout_s=timeout_s, start_at_s=at_s
    ) as capture:
        capture.open()
        for frame in capture.frames():
            if frame.pts >= at_s - 1e-6 or source.kind == "picture":
                return frame
        raise SourceError(
            f"{source.name}: expected a frame at {at_s:g} s, found the end before it; ask for an earlier one."
        )


def _sentence(seen: dict[str, object], portrait: Portrait | None, pose: Pose | None) -> str:
    timings = seen["timings_ms"]
    total = timings.get("total", 0.0) if isinstance(timings, dict) else 0.0
    if portrait is None or pose is None:
        return f"no person found ({total:.0f} ms)"
    box = ", ".join(f"{side:.0f}" for side in portrait.box)
    groups = ", ".join(
        f"{name} {int(pose.valid[group].sum())} of {group.stop - group.start}"
        for name, group in GROUPS.items()
    )
    return f"portrait [{box}] · valid points: {groups} · {total:.0f} ms"
