"""The newest description, read once, and the moment and scene that it describes."""

from dataclasses import dataclass

from stream.branches.modes import Temporal
from stream.branches.text import TextReader
from stream.records import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A description as the text branch's vector."""

    vector: Floats  # float32 [1, E]
    pts: float  # media seconds it describes
    scene: int


class TextSlot:
    """Holds one description. ``reader`` None: the bundle has no text branch and ignores all of them."""

    def __init__(self, reader: TextReader | None, reach_s: float) -> None:
        self._reader = reader
        self._reach_s = reach_s  # nothing is remembered for longer than the window
        self._text: Text | None = None

    def clear(self) -> None:
        self._text = None

    def put(self, description: str | None, pts: float, scene: int, temporal: Temporal) -> None:
        """Read a description; None or an empty one takes the last one away."""
        if self._reader is None or not description:
            self._text = None
        else:
            self._text = Text(temporal.text(self._reader(description)), pts, scene)

    def at(self, pts: float, scene: int) -> Text | None:
        """The description, if it is of this scene and not older than the window.

        After a cut it may describe somebody else.
        """
        text = self._text
        if text is None or text.scene != scene or pts - text.pts > self._reach_s:
            return None
        return text
