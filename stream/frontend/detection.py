"""The result of a person detector, and the interface the front end relies on."""

from dataclasses import dataclass
from typing import Protocol

from stream.geometry import Box, Region
from stream.records import Image


@dataclass(frozen=True, slots=True)
class Detection:
    """One detected person."""

    score: float  # 0..1
    box: Box  # around the person, clipped to the frame, pixels
    region: Region  # where the pose network starts


class Detector(Protocol):
    """Finds people in part of a frame."""

    ms: float  # of the last search

    def search(self, image: Image, view: Region) -> list[Detection]:
        """All people found in one upright view of the frame, best score first."""

    def levels(self, width: int, height: int) -> list[list[Region]]:
        """Views to search in addition to the whole frame, in levels from coarse to fine."""
