"""The corpus index: entries, provenance and splits of a corpus, as strict JSON."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from stream.bundle.manifest import Extractor, Record
from stream.errors import UsageError
from training.corpus.grid import SHORTEST

SCHEMA = 1
INDEX = "index.json"
ABOUT = "about.json"
RECORDINGS = "recordings"


class About(Record, frozen=True, kw_only=True):
    """Provenance of a corpus, the same for all of its recordings."""

    schema: int = SCHEMA
    name: str
    provenance: str
    licence: str
    simulated: bool
    extractors: dict[str, Extractor]  # "keypoints", "image": extractors of points and features
    rate: float = 25.0  # ticks per second


# One field per key of an entry in the index file.
class Entry(Record, frozen=True, kw_only=True):
    """One recording of a corpus."""

    id: str
    file: str  # path inside the corpus
    subject: str
    label: Literal[0, 1] | None  # 0 loss, 1 win, None unknown
    ticks: int
    seconds: float
    source_rate: float  # frames per second of the source
    text: bool  # whether there is a description
    features: int  # width D of the image features, 0 without
    bad_points: int  # points that were NaN or infinite and became invalid
    size: int  # bytes
    sha256: str
    note: str = ""  # anomalies, for the reader

    @property
    def short(self) -> bool:
        """Too short to train on: less than one second of ticks."""
        return self.ticks < SHORTEST


class Split(Record, frozen=True, kw_only=True):
    """Parts of a corpus by recording id."""

    subject_disjoint: bool  # False only for published protocols that share subjects between parts
    parts: dict[str, tuple[str, ...]]  # "train", "validation", "test"
    note: str = ""


class Index(About, frozen=True, kw_only=True):
    """``index.json``, written last: a folder without it is an unfinished import."""

    entries: tuple[Entry, ...]
    splits: dict[str, Split]


class _Version(msgspec.Struct):
    schema: int


Kind = TypeVar("Kind", bound=About)


def load(path: Path, kind: type[Kind]) -> Kind:
    """Decode ``index.json`` or ``about.json`` strictly. UsageError for another schema or a malformed file."""
    raw = path.read_bytes()
    try:
        version = msgspec.json.decode(raw, type=_Version).schema
        if version != SCHEMA:
            raise UsageError(
                f"{path}: expected corpus schema {SCHEMA}, found {version}; import the corpus again with "
                "this version, or use the version that wrote it."
            )
        return msgspec.json.decode(raw, type=kind)
    except msgspec.MsgspecError as error:
        raise UsageError(
            f"{path}: expected a corpus index, found a malformed one ({error}); run the import again, "
            "which keeps every recording that is whole."
        ) from error


def check_ids(splits: dict[str, Split], entries: Iterable[Entry]) -> None:
    """Raises UsageError for a split with an unknown recording."""
    known = {entry.id for entry in entries}
    for name, split in splits.items():
        unknown = sorted({i for part in split.parts.values() for i in part} - known)
        if unknown:
            raise UsageError(
                f"split {name}: expected ids of the corpus, found {len(unknown)} unknown "
                f"({listed(unknown)}); correct the split or import these videos."
            )


def listed(names: Iterable[str], limit: int = 20) -> str:
    """The first ``limit`` names, for a message."""
    names = list(names)
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
