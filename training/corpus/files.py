"""One recording as a safetensors file: written whole or not at all, read through the page cache.

The header holds the entry too, so that an import that was stopped can be taken up from its files alone.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from safetensors.numpy import save_file

from stream.bundle.manifest import Record
from stream.errors import UsageError
from stream.files import sha256_of
from training.corpus.index import Entry
from training.corpus.labels import Label
from training.corpus.recording import Recording
from training.corpus.tensors import writing

ARRAYS = ("points", "valid", "boxes", "present", "segments", "feature_mask")
OPTIONAL = ("features", "llr")
_DTYPES = {"F32": np.float32, "BOOL": np.bool_, "I64": np.int64}


class _Words(Record, frozen=True, kw_only=True):
    """What a file says beside its arrays, under one key: the same recording gives the same bytes."""

    entry: Entry  # without size and hash
    provenance: str
    mixed: bool
    text: str | None


def write(path: Path, recording: Recording, entry: Entry) -> Entry:
    """Write a recording and return its entry with size and hash."""
    names = [*ARRAYS, *(name for name in OPTIONAL if getattr(recording, name) is not None)]
    arrays = {name: np.ascontiguousarray(getattr(recording, name)) for name in names}
    words = _Words(entry=entry, provenance=recording.provenance, mixed=recording.mixed, text=recording.text)
    with writing(path) as part:
        save_file(arrays, part, metadata={"recording": msgspec.json.encode(words).decode()})
    return _sized(entry, path)


def read(path: Path, entry: Entry | None = None) -> Recording:
    """A recording whose arrays are read-only views into the file. UsageError for a cut file.

    ``entry``: what the index says of it; the file's own when left out.
    """
    header = _header(path)
    if header is None:
        raise UsageError(f"{path}: expected a whole recording, found a cut one; run the import again.")
    data = np.memmap(path, np.uint8, mode="r")
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    words = _words(header)
    entry = entry or words.entry
    arrays: dict[str, Any] = dict.fromkeys(OPTIONAL)  # of several types, as the fields of Recording
    for name in header.keys() - {"__metadata__"}:
        value = header[name]
        first, last = (start + at for at in value["data_offsets"])
        arrays[name] = np.asarray(data[first:last]).view(_DTYPES[value["dtype"]]).reshape(value["shape"])
    return Recording(
        **{name: arrays[name] for name in (*ARRAYS, *OPTIONAL)},
        text=words.text,
        label=-1 if entry.label is None else entry.label,
        subject=entry.subject,
        provenance=words.provenance,
        mixed=words.mixed,
    )


def entry_of(path: Path) -> Entry | None:
    """The entry in a file's header with size and hash, or None for a cut file."""
    header = _header(path)
    if header is None:
        return None
    return _sized(_words(header).entry, path)


def label_of(path: Path) -> Label | None:
    """What a label file said of a recording when it was made, or None for a cut file."""
    header = _header(path)
    if header is None:
        return None
    words = _words(header)
    return Label(words.entry.subject, words.entry.label, words.text)


def whole(path: Path) -> bool:
    """Whether a recording is there and as long as its header says."""
    return path.is_file() and _header(path) is not None


def _words(header: dict[str, Any]) -> _Words:
    return msgspec.json.decode(header["__metadata__"]["recording"], type=_Words)


def _sized(entry: Entry, path: Path) -> Entry:
    return msgspec.structs.replace(entry, size=path.stat().st_size, sha256=sha256_of(path))


def _header(path: Path) -> dict[str, Any] | None:
    """The safetensors header, or None for a file that is cut or not ours."""
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        size = path.stat().st_size
        try:
            header: dict[str, Any] = json.loads(stream.read(min(length, size)))
            ends = [value["data_offsets"][1] for name, value in header.items() if name != "__metadata__"]
            ours = "recording" in header["__metadata__"]
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
    return header if ours and size == 8 + length + max(ends) else None
