"""One recording as a safetensors file: written atomically, memory-mapped when read.

The header also holds the entry, so that an interrupted import can resume from its files alone.
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
OPTIONAL = ("features", "llr", "gestures")
_DTYPES = {"F32": np.float32, "BOOL": np.bool_, "I64": np.int64, "I32": np.int32}


class _Metadata(Record, frozen=True, kw_only=True):
    """Metadata of a file besides its arrays, under one key: the same recording gives the same bytes."""

    entry: Entry  # without size and hash
    provenance: str
    mixed: bool
    text: str | None


def write(path: Path, recording: Recording, entry: Entry) -> Entry:
    """Write a recording and return its entry with size and hash."""
    names = [*ARRAYS, *(name for name in OPTIONAL if getattr(recording, name) is not None)]
    arrays = {name: np.ascontiguousarray(getattr(recording, name)) for name in names}
    metadata = _Metadata(
        entry=entry, provenance=recording.provenance, mixed=recording.mixed, text=recording.text
    )
    with writing(path) as part:
        save_file(arrays, part, metadata={"recording": msgspec.json.encode(metadata).decode()})
    return _sized(entry, path)


def read(path: Path, entry: Entry | None = None) -> Recording:
    """A recording whose arrays are read-only views into the file. UsageError for a truncated file.

    ``entry``: the entry in the index; by default the file's own.
    """
    header = _header(path)
    if header is None:
        raise UsageError(f"{path}: expected a whole recording, found a cut one; run the import again.")
    data = np.memmap(path, np.uint8, mode="r")
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    metadata = _metadata(header)
    entry = entry or metadata.entry
    arrays: dict[str, Any] = dict.fromkeys(OPTIONAL)  # of several types, as the fields of Recording
    for name in header.keys() - {"__metadata__"}:
        value = header[name]
        first, last = (start + at for at in value["data_offsets"])
        arrays[name] = np.asarray(data[first:last]).view(_DTYPES[value["dtype"]]).reshape(value["shape"])
    return Recording(
        **{name: arrays[name] for name in (*ARRAYS, *OPTIONAL)},
        text=metadata.text,
        label=-1 if entry.label is None else entry.label,
        subject=entry.subject,
        provenance=metadata.provenance,
        mixed=metadata.mixed,
    )


def entry_of(path: Path) -> Entry | None:
    """The entry in a file's header with size and hash, or None for a truncated file."""
    header = _header(path)
    if header is None:
        return None
    return _sized(_metadata(header).entry, path)


def label_of(path: Path) -> Label | None:
    """What a label file said of a recording when it was made, or None for a cut file."""
    header = _header(path)
    if header is None:
        return None
    metadata = _metadata(header)
    return Label(metadata.entry.subject, metadata.entry.label, metadata.text)


def whole(path: Path) -> bool:
    """Whether a recording exists and has the length that its header states."""
    return path.is_file() and _header(path) is not None


def _metadata(header: dict[str, Any]) -> _Metadata:
    return msgspec.json.decode(header["__metadata__"]["recording"], type=_Metadata)


def _sized(entry: Entry, path: Path) -> Entry:
    return msgspec.structs.replace(entry, size=path.stat().st_size, sha256=sha256_of(path))


def _header(path: Path) -> dict[str, Any] | None:
    """The safetensors header, or None for a file that is truncated or not a recording."""
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
