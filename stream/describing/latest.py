"""The latest description, from a labeller or an operator."""

import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Description:
    """Text about one moment of the stream."""

    text: str  # empty: withdraws the descriptions before it
    pts: float  # media seconds that it describes
    scene: int  # of the Observation at that moment


class LatestDescription:
    """Holds one description: that of the latest moment, in whatever order descriptions arrive."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: Description | None = None
        self._taken: Description | None = None

    def put(self, description: Description) -> None:
        """Keep it, unless the present one describes a later scene, or a later moment of the same scene."""
        with self._lock:
            kept = self._kept
            if kept is None or (description.scene, description.pts) >= (kept.scene, kept.pts):
                self._kept = description

    def take(self) -> Description | None:
        """The description, once: None when it was taken before."""
        with self._lock:
            if self._kept is self._taken:
                return None
            self._taken = self._kept
            return self._kept
