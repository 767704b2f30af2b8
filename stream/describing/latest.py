"""What was said last, whoever says it."""

import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Description:
    """Somebody's words on a moment of the stream."""

    text: str  # nothing: what was said so far is taken back
    pts: float  # media seconds it speaks of
    scene: int  # of the Observation at that moment


class Newest:
    """One place: the description of the latest moment has it, in whatever order they come in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: Description | None = None
        self._taken: Description | None = None

    def put(self, description: Description) -> None:
        """Keep it, unless what is kept speaks of a later scene, or of a later moment of the same one."""
        with self._lock:
            kept = self._kept
            if kept is None or (description.scene, description.pts) >= (kept.scene, kept.pts):
                self._kept = description

    def take(self) -> Description | None:
        """What is kept, if it was not taken before."""
        with self._lock:
            if self._kept is self._taken:
                return None
            self._taken = self._kept
            return self._kept
