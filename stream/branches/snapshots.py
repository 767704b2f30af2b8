"""Snapshots of a ring on disk: a NumPy archive with the hash of its bundle, written atomically."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.bundle.load import Bundle
from stream.errors import UsageError
from stream.files import replacing

SCHEMA = 1


def save(path: Path, bundle: Bundle, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write ``arrays``, replacing an existing file atomically. Raises UsageError if it cannot be written."""
    about = {"schema": np.array(SCHEMA), "bundle": np.array(bundle.sha256)}
    try:
        with replacing(path, mode=0o600) as part, part.open("wb") as out:
            np.savez(out, allow_pickle=False, **about, **arrays)
    except OSError as error:
        raise UsageError(
            f"{path}: expected a place for a snapshot, found none ({error.strerror}); give another."
        ) from error


def load(path: Path, bundle: Bundle) -> dict[str, NDArray[Any]]:
    """The arrays of a snapshot of ``bundle``.

    Raises UsageError for another file, another schema, or a snapshot of another bundle.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        schema, of = int(arrays.pop("schema")), str(arrays.pop("bundle"))
    except Exception as error:  # a damaged archive can fail in many ways
        raise UsageError(
            f"{path}: expected a snapshot of a ring, found something else ({error}); start without it."
        ) from error
    if schema != SCHEMA:
        raise UsageError(f"{path}: expected snapshot schema {SCHEMA}, found {schema}; start without it.")
    if of != bundle.sha256:
        raise UsageError(
            f"{path}: expected a snapshot of bundle {bundle.manifest.name} ({bundle.sha256[:12]}…), "
            f"found one of another ({of[:12]}…); give that bundle, or start without it."
        )
    return arrays
