"""Measures the noise of the real keypoint trackers on warped portraits and writes ``training/noise.json``.

``python -m training.extraction.measure_noise`` renders variations of the portrait with slow head motion,
camera tremor and sensor noise, scales and compresses them like a broadcast feed, and tracks that. The noise
is the residual that the known motion does not explain (least squares per coordinate, with squares and
products).
"""

import json
import tempfile
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.frontend.mediapipe import embedded
from stream.records import Floats
from stream.skeleton import BODY, FACE
from training.extraction.following import follow
from training.simulator.behaviour import STANDARD
from training.simulator.noise import RESULT, PartNoise
from training.simulator.performance import perform
from training.simulator.rendering import read_video, write_video
from training.simulator.warp import Performer, camera_shake

MODES = 10
WARM = 25  # ticks until the tracker has settled
Residuals = NDArray[np.float64]  # [T, K, 2]


def residuals(points: Floats, motion: Floats) -> Residuals:
    """Residuals of points [T, K, 2] after fitting a quadratic function of the motion [T, m]; the same
    shape."""
    z = (motion - motion.mean(0)) / (motion.std(0) + 1e-9)
    pairs = [z[:, i] * z[:, j] for i in range(z.shape[1]) for j in range(i, z.shape[1])]
    design = np.column_stack([np.ones(len(z)), z, *pairs])
    flat = points.reshape(len(points), -1).astype(np.float64)
    rest = flat - design @ np.linalg.lstsq(design, flat, rcond=None)[0]
    unbiased: Residuals = rest.reshape(points.shape) * np.sqrt(len(z) / (len(z) - design.shape[1]))
    return unbiased


def lag(values: Residuals) -> float:
    """Correlation of residuals [T, …] from tick to tick."""
    return float((values[1:] * values[:-1]).mean() / values.var())


def measure(people: int = 8, seconds: float = 16.0, threads: int = 2) -> list[tuple[Residuals, Residuals]]:
    """Residuals of face [T, 70, 2] and of the visible body points [T, k, 2] of each person, face units."""
    still = replace(STANDARD, rates=(), distractors=(), blinks=0.0, talking=0.0)
    front_end = embedded.from_cache(threads=threads)
    people_residuals = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(people):
            rng = np.random.default_rng([seed, 3])
            performer = Performer(seed)
            performance = perform(still, (("win", seconds),), rng)
            shake = camera_shake(len(performance.sway), rng)
            grain, scale = float(rng.uniform(2.0, 5.0)), float(rng.uniform(0.4, 0.8))
            size = (2 * round(320 * scale), 2 * round(240 * scale))
            pictures = (
                performer.noisy(
                    cv2.resize(performer(a, s, m), size, interpolation=cv2.INTER_AREA), rng, grain
                )
                for a, s, m in zip(performance.activations, performance.sway, shake, strict=True)
            )
            path = Path(folder) / "feed.mp4"
            write_video(path, pictures, crf=int(rng.integers(24, 33)), preset="veryfast")
            track = follow(read_video(path), front_end)
            motion = np.column_stack([performance.sway, shake])[WARM:]
            rest = residuals(track.points[WARM:] / (performer.unit_px * size[0] / 640), motion)
            seen = np.all(track.valid[WARM:], axis=0)
            people_residuals.append((rest[:, FACE], rest[:, BODY][:, seen[BODY]]))
    return people_residuals


def summary(measured: list[tuple[Residuals, Residuals]]) -> dict[str, object]:
    """The numbers of ``noise.json``."""
    face = np.concatenate([f for f, _ in measured]).reshape(-1, 140)
    values, vectors = np.linalg.eigh(face.T @ face / len(face))
    modes = (vectors[:, -MODES:] * np.sqrt(values[-MODES:])).T[::-1]
    own = np.sqrt(np.maximum((face**2).mean(0) - (modes**2).sum(0), 0))
    bodies = [b for _, b in measured]
    body = PartNoise(
        std=round(float(np.sqrt(np.mean([b.var() for b in bodies]))), 4),
        correlation=round(float(np.mean([lag(b) for b in bodies])), 3),
        common=round(float(np.mean([b.mean(1).var() / b.var() for b in bodies])), 3),
    )
    return {
        "source": f"{len(measured)} variations of the portrait, embedded chain",
        "measured": date.today().isoformat(),
        "unit": "distance between the pupils",
        "face_std": round(float(face.std()), 5),
        "body": asdict(body),
        "hands": {"std": 0.1, "correlation": 0.5, "common": 0.5},
        "assumed": ["hands"],
        "face": {
            "correlation": round(float(np.mean([lag(f) for f, _ in measured])), 3),
            "modes_share": round(float((modes**2).sum() / (face**2).mean(0).sum()), 3),
            "own": [round(float(v), 6) for v in own],
            "modes": [[round(float(v), 6) for v in mode] for mode in modes],
        },
    }


def main() -> None:
    """Measure and write ``noise.json``."""
    result = summary(measure())
    RESULT.write_text(json.dumps(result) + "\n")
    print({key: value for key, value in result.items() if key != "face"})


if __name__ == "__main__":
    main()
