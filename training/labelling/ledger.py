"""The total cost of a folder's answers, on disk, so that a budget covers all runs, even killed ones."""

from pathlib import Path

import msgspec

from stream.errors import UsageError
from stream.files import replace_with


class Spent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Requests that were made, and the tokens that the service counted for them, or else we."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    estimated: int = 0  # replies whose tokens the service did not count

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.requests + other.requests,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.estimated + other.estimated,
        )


class Ledger:
    """A small file that ``add`` updates before it returns. Not thread-safe."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError for an unreadable file."""
        self._path, self.spent = path, Spent()
        try:
            self.spent = msgspec.json.decode(path.read_bytes(), type=Spent)
        except FileNotFoundError:
            pass
        except (OSError, msgspec.MsgspecError) as error:
            raise UsageError(
                f"{path}: expected what was spent so far, found none that reads ({error}); remove it "
                "to start a new budget."
            ) from error

    def add(self, spent: Spent) -> None:
        self.spent += spent
        replace_with(self._path, msgspec.json.encode(self.spent) + b"\n")
