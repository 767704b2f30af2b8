"""The modes that run a bundle's temporal models (full, ring): their common protocol, choice and loading."""

from collections.abc import Mapping
from typing import Literal, Protocol

from stream.branches.full_mode import FullMode, Runner
from stream.branches.ring_mode import RingMode
from stream.branches.text import Pieces
from stream.bundle.load import Bundle
from stream.bundle.manifest import Mode
from stream.errors import UsageError
from stream.records import Floats
from stream.window.window import Window, WindowView

Name = Literal["full", "ring"]
OnCut = Literal[
    "keep", "decay", "reset"
]  # history before a cut or a change of subject: kept, decayed or reset
NAMES: tuple[Name, ...] = ("full", "ring")
POLICIES: tuple[OnCut, ...] = ("keep", "decay", "reset")


class Temporal(Protocol):
    """The interface of a mode, used by the analyzer from one thread."""

    mode: Mode

    @property
    def engines(self) -> Mapping[str, Runner]: ...

    def follow(self, window: Window, tick: int) -> None:
        """Process the ticks ≤ ``tick`` that were not processed yet; ``tick`` must not decrease."""

    def vectors(self, view: WindowView, text: Floats | None = None) -> dict[str, Floats]:
        """The vector, float32 [1, E], of every branch with input at the view's tick."""

    def fuse(self, vectors: dict[str, Floats]) -> float:
        """The fused logit of win."""

    def text(self, pieces: Pieces) -> Floats:
        """The text branch's vector, float32 [1, E]."""

    def memory_start(self) -> int:
        """The oldest tick in memory, among those followed so far."""

    def has_missed(self, since: int) -> bool:
        """Whether any tick after ``since`` was overwritten before it was processed."""

    def warm_up(self) -> None:
        """Run every graph once; the state does not change."""

    def rehearse(self) -> None:
        """Run the graphs of an update with the mode's own hop; the state does not change."""

    def reset(self) -> None:
        """Forget everything."""


def choose(bundle: Bundle, mode: str = "auto") -> Name:
    """``full`` or ``ring`` as requested; ``auto`` is ring if the bundle has it, else full.

    Raises UsageError for an unknown mode, or one that the bundle does not have.
    """
    have = [name for name in NAMES if name in bundle.manifest.modes]
    if mode == "auto":
        return have[-1]
    for name in have:
        if name == mode:
            return name
    if mode not in NAMES:
        raise UsageError(f"--mode: expected auto, full or ring, found {mode!r}; choose one of these.")
    raise UsageError(
        f"--mode: expected one that {bundle.folder} has, found {mode}; choose {' or '.join(have)}, "
        "or export a bundle that has it."
    )


def cut_policy(name: str, mode: Name) -> OnCut:
    """The policy of ``--on-cut``. Raises UsageError for an unknown one, or one that the mode does not
    support."""
    for known in POLICIES:
        if known != name:
            continue
        if known == "decay" and mode == "full":
            raise UsageError(
                "--on-cut: expected keep or reset with --mode full, found decay; choose one of these, or "
                "--mode ring."
            )
        return known
    raise UsageError(f"--on-cut: expected keep, decay or reset, found {name!r}; choose one of these.")


def load(bundle: Bundle, mode: Name, on_cut: OnCut = "keep", *, provider: str, threads: int) -> Temporal:
    """The networks of a mode, on a provider."""
    if mode == "full":
        return FullMode(bundle, provider=provider, threads=threads)
    return RingMode(bundle, on_cut=on_cut, provider=provider, threads=threads)
