"""What every person detector gives, and the part that the front end relies on."""

from dataclasses import dataclass
from typing import Protocol

from stream.geometry import Box, Region
from stream.records import Image


@dataclass(frozen=True, slots=True)
class Detection:
    """One person found."""

    score: float  # 0..1
    box: Box  # around the person as far as the frame goes, pixels
    region: Region  # where the pose network starts


class Detector(Protocol):
    """Finds people in a part of a frame."""

    ms: float  # of the last search

    def search(self, image: Image, view: Region) -> list[Detection]:
        """Everyone found in one upright view of the frame, best score first."""

    def levels(self, width: int, height: int) -> list[list[Region]]:
        """Views beside the whole frame that are worth a search, in levels from coarse to fine."""
