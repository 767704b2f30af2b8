"""Scene boundaries, decided only here and used by the window, the text and ring mode.

A scene ends at a discontinuity of the source (its media clock or picture jumped), and when the portrait
belongs to another shot or another person than the previous one.
"""

from dataclasses import replace

from stream.records import Portrait


class Scenes:
    """Numbers the scenes of one stream."""

    def __init__(self) -> None:
        self.number = 0
        self._counted = False  # the next portrait's cut was counted when the source jumped

    def push(self, portrait: Portrait | None, *, discontinuity: bool) -> tuple[Portrait | None, int]:
        """The portrait with the cut that counts, and the scene of this frame.

        A source that jumps while no person is seen starts a new scene at once; the cut that the subject then
        reports with the first portrait is the same one and is not counted again.
        """
        if portrait is not None and self._counted:
            portrait = replace(portrait, cut=discontinuity)
        self._counted = portrait is None and (self._counted or discontinuity)
        if discontinuity or (portrait is not None and portrait.cut):
            self.number += 1
        return portrait, self.number

    def reset(self) -> None:
        """Prepare for another stream, which starts in a new scene."""
        self.number += 1
        self._counted = False
