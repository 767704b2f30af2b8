"""Noise of the real keypoint chain, as numbers in ``noise.json``."""

import json
from dataclasses import dataclass
from pathlib import Path

RESULT = Path(__file__).with_name("noise.json")


@dataclass(frozen=True, slots=True)
class GroupNoise:
    """Jitter of one region's points, in face units (1 = distance between the pupils)."""

    std: float  # per coordinate, all causes together
    correlation: float  # AR(1) coefficient from tick to tick at 25 Hz
    common: float  # share of the variance that moves the whole region as one, 0..1


@dataclass(frozen=True, slots=True)
class Noise:
    """Tracker noise by region."""

    regions: dict[str, GroupNoise]
    source: str


def load(path: Path = RESULT) -> Noise:
    """The committed measurement."""
    raw = json.loads(path.read_text())
    return Noise({k: GroupNoise(**v) for k, v in raw["regions"].items()}, raw["source"])
