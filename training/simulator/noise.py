"""Measured noise of the real keypoint trackers (`training.extraction.measure_noise`).

Noise of the face is stored as its strongest modes, because the errors of neighbouring points are correlated,
plus an independent residual per point. The measured image shows no hands: their noise is assumed.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stream.records import Floats

RESULT = Path(__file__).parents[1] / "noise.json"


@dataclass(frozen=True, slots=True)
class PartNoise:
    """Jitter of a part's points, in face units (1 = distance between the pupils)."""

    std: float  # per coordinate, total
    correlation: float  # AR(1) coefficient from tick to tick at 25 Hz
    common: float  # share of the variance that moves the whole part rigidly, 0..1


@dataclass(frozen=True, slots=True, eq=False)
class FaceNoise:
    """Jitter of the 70 face points: modes shared by many points and an independent residual per point."""

    correlation: float  # AR(1) coefficient from tick to tick at 25 Hz
    modes: Floats  # float32 [M, 70, 2], face units, scaled by their deviation
    own: Floats  # float32 [70, 2], standard deviation of the residual, face units

    @property
    def std(self) -> Floats:
        """Standard deviation of each point per coordinate, float32 [70]."""
        variance = (self.modes**2).sum(0) + self.own**2
        std: Floats = np.sqrt(variance.mean(-1))
        return std


@dataclass(frozen=True, slots=True)
class Noise:
    """Tracker noise by part."""

    face: FaceNoise
    body: PartNoise
    hands: PartNoise
    source: str


def load(path: Path = RESULT) -> Noise:
    """Read a measurement, by default the committed one."""
    raw = json.loads(path.read_text())
    face = raw["face"]
    modes = np.array(face["modes"], np.float32).reshape(-1, 70, 2)
    own = np.array(face["own"], np.float32).reshape(70, 2)
    return Noise(
        FaceNoise(face["correlation"], modes, own),
        PartNoise(**raw["body"]),
        PartNoise(**raw["hands"]),
        raw["source"],
    )
