"""Noise of the real keypoint chain, as it was measured (`training.extraction.measure_noise`).

The face's is kept as its strongest modes, because neighbouring points err together, plus each point's own
rest. Hands are not in the measured picture: theirs is assumed.
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

    std: float  # per coordinate, all causes together
    correlation: float  # AR(1) coefficient from tick to tick at 25 Hz
    common: float  # share of the variance that moves the whole part as one, 0..1


@dataclass(frozen=True, slots=True, eq=False)
class FaceNoise:
    """Jitter of the 70 face points: modes shared by many points and a rest of each one's own."""

    correlation: float  # AR(1) coefficient from tick to tick at 25 Hz
    modes: Floats  # float32 [M, 70, 2], face units, scaled by their deviation
    own: Floats  # float32 [70, 2], deviation of the rest, face units

    @property
    def std(self) -> Floats:
        """Deviation of each point per coordinate, float32 [70]."""
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
    """The committed measurement."""
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
