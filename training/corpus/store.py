"""A corpus on disk: one file per recording, and an index that is written last.

    folder/about.json                 provenance, written first
    folder/recordings/ID.safetensors  written atomically
    folder/index.json                 entries, sizes and splits, once all recordings are written

An interrupted import leaves a folder without an index; running it again resumes. Arrays are memory-mapped, so
that opening a corpus or a recording loads none of them.
"""

from pathlib import Path
from typing import Literal, cast

import msgspec

from stream.errors import UsageError
from stream.files import replace_with
from training.corpus import files
from training.corpus.cleaning import check_shapes, cleaned, remarks
from training.corpus.index import (
    ABOUT,
    INDEX,
    RECORDINGS,
    About,
    Entry,
    Index,
    Split,
    check_ids,
    listed,
    load,
)
from training.corpus.labels import Label
from training.corpus.protocols import check_disjoint
from training.corpus.recording import Recording

__all__ = ["About", "Entry", "Index", "Split", "Store", "Writer"]


class Writer:
    """Fills a corpus folder, recording by recording; an interrupted import resumes.

    Raises UsageError if the folder holds another corpus.
    """

    def __init__(self, folder: str | Path, about: About) -> None:
        self.folder, self.about = Path(folder), about
        self._added: dict[str, Entry] = {}
        (self.folder / RECORDINGS).mkdir(parents=True, exist_ok=True)
        path = self.folder / ABOUT
        if path.exists() and (found := load(path, About)) != about:
            raise UsageError(
                f"{folder}: expected a corpus of {about.name} ({about.provenance}), found one of "
                f"{found.name} ({found.provenance}) or another version; choose another folder."
            )
        replace_with(path, _json(about))

    def has(self, id: str) -> bool:
        """Whether this recording exists; a truncated one counts as missing and may be added again."""
        return id in self._added or files.whole(self._path(id))

    def label(self, id: str) -> Label | None:
        """The label that a recording was made with, or None where there is no whole one."""
        return files.label_of(self._path(id)) if self._path(id).is_file() else None

    def add(
        self, id: str, recording: Recording, *, source_rate: float = 25.0, note: str = "", again: bool = False
    ) -> Entry:
        """Write one recording. Points that are NaN or infinite become invalid and are counted.

        ``source_rate``: frames a second before the recording was put on the grid. ``again``: it replaces
        the one that is there, if any.
        UsageError for an id that is there already or is no file name, and for arrays of another shape.
        """
        if not id or id != Path(id).name or id.startswith(".") or not id.isprintable():
            raise UsageError(f"{id!r}: expected an id that can name a file, found another; rename the video.")
        if self.has(id) and not again:
            raise UsageError(f"{id}: expected an id of its own, found it in the corpus already; rename one.")
        check_shapes(id, recording)
        recording, bad = cleaned(recording)
        entry = Entry(
            id=id,
            file=f"{RECORDINGS}/{id}.safetensors",
            subject=recording.subject,
            label=None if recording.label < 0 else cast(Literal[0, 1], recording.label),
            ticks=recording.ticks,
            seconds=recording.ticks / self.about.rate,
            source_rate=source_rate,
            text=recording.text is not None,
            features=0 if recording.features is None else recording.features.shape[1],
            bad_points=bad,
            size=0,
            sha256="",
            note="; ".join(filter(None, (note, *remarks(recording, bad)))),
        )
        self._added[id] = entry = files.write(self._path(id), recording, entry)
        return entry

    def finish(self, splits: dict[str, Split]) -> "Store":
        """Write the index of all recordings, including those of earlier runs, and open the corpus.

        UsageError for a split with an unknown recording or with a subject in several parts.
        """
        entries = self.entries()
        check_ids(splits, entries)
        for name, split in splits.items():
            check_disjoint(split, entries, name)
        index = Index(**msgspec.structs.asdict(self.about), entries=entries, splits=splits)
        replace_with(self.folder / INDEX, _json(index))
        return Store.open(self.folder)

    def entries(self) -> tuple[Entry, ...]:
        """Entries of all recordings, by id, to make splits from.

        UsageError for a truncated recording that was not written again.
        """
        entries = []
        for path in sorted((self.folder / RECORDINGS).glob("[!.]*.safetensors")):
            entry = self._added.get(path.stem) or files.entry_of(path)
            if entry is None:
                raise UsageError(
                    f"{path}: expected a whole recording, found a cut one that this import does not make; "
                    "remove the file and run the import again."
                )
            entries.append(entry)
        return tuple(entries)

    def _path(self, id: str) -> Path:
        return self.folder / RECORDINGS / f"{id}.safetensors"


class Store:
    """A finished corpus, read-only."""

    def __init__(self, folder: Path, index: Index) -> None:
        self.folder, self.index = folder, index
        self.entries = {entry.id: entry for entry in index.entries}

    @classmethod
    def open(cls, folder: str | Path) -> "Store":
        """Read the index and check that every file exists with its size; reads no array.

        UsageError for a folder without corpus, an unfinished import, another schema, a missing or truncated
        file.
        """
        folder = Path(folder)
        if not (folder / INDEX).is_file():
            there = len(list((folder / RECORDINGS).glob("[!.]*.safetensors")))
            raise UsageError(
                f"{folder}: expected a corpus with {INDEX}, found a half-written one of {there} recordings; "
                "run the same import again, it continues."
                if (folder / ABOUT).exists()
                else f"{folder}: expected a corpus with {INDEX}, found none; give the folder of an import."
            )
        index = load(folder / INDEX, Index)
        wrong = [e.id for e in index.entries if _size(folder / e.file) != e.size]
        if wrong:
            raise UsageError(
                f"{folder}: expected {len(index.entries)} whole recordings, found {len(wrong)} missing or "
                f"cut ({listed(wrong)}); run the same import again, it writes only these."
            )
        return cls(folder, index)

    def recording(self, id: str) -> Recording:
        """One recording; its arrays are read-only views into the file. UsageError for an unknown id."""
        entry = self.entries.get(id)
        if entry is None:
            raise UsageError(
                f"{self.folder}: expected an id of {INDEX}, found {id}; choose one of {listed(self.entries)}."
            )
        return files.read(self.folder / entry.file, entry)

    def ids(self, split: str, part: str) -> tuple[str, ...]:
        """Ids of one part. UsageError for an unknown name or a split that shares a subject by mistake."""
        found = self.index.splits.get(split)
        if found is None or part not in found.parts:
            known = [f"{name}/{p}" for name, value in self.index.splits.items() for p in value.parts]
            raise UsageError(
                f"{self.folder}: expected a split and part of the corpus ({listed(known) or 'it has none'}), "
                f"found {split}/{part}; choose one of these."
            )
        check_disjoint(found, self.index.entries, split)
        return found.parts[part]


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _json(record: About) -> bytes:
    return msgspec.json.format(msgspec.json.encode(record)) + b"\n"
