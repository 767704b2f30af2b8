"""One line of the doctor's report."""

from typing import Literal

from stream.bundle.manifest import Record

State = Literal["ok", "absent", "broken"]


class Finding(Record, frozen=True, kw_only=True):
    """``absent`` is an option that is not here, ``broken`` something that is and does not work."""

    state: State
    what: str
    found: str
    do: str | None = None  # none where nothing need be done
    needed: bool = False  # by `undertone watch` on the default provider

    @property
    def line(self) -> str:
        """For people; what to do is behind an arrow."""
        return f"{self.state:7} {self.what}: {self.found}" + (f" → {self.do}" if self.do else "")
