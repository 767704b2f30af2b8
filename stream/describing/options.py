"""The options of live text; light, so that the command line can read them before it loads anything."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextOptions:
    """Who describes the player while the stream runs: a labeller, an operator, both or neither."""

    describe: str | None = None  # name of a labeller
    model: str | None = None  # of the labeller; None: its default
    every_s: float = 60.0  # between two requests
    notes: str | None = None  # file that an operator writes to, or - for standard input
    names: tuple[str, ...] = ()  # of the player and others, kept out of the text

    @property
    def any(self) -> bool:
        return self.describe is not None or self.notes is not None
