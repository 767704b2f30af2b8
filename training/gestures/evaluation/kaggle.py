"""Track 1 submissions: ``Id,Target``, one line a clip, in the order of a given list."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stream.errors import UsageError
from stream.files import replace_with
from training.corpus.index import listed
from training.gestures.evaluation.predictions import ClipPredictions

HEADER = ("Id", "Target")


def read_list(path: Path) -> list[str]:
    """Clip ids of a list with the column ``Id`` (others are not read). UsageError for another file."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
        ids = [row["Id"].strip() for row in rows]
    except (OSError, KeyError, AttributeError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"{path}: expected a CSV file with the column Id, found none ({error}); give the challenge's "
            "list."
        ) from error
    if len(set(ids)) < len(ids) or not ids:
        raise UsageError(f"{path}: expected every clip once, found {len(ids)} lines; correct the list.")
    return ids


def write(path: Path, said: ClipPredictions, order: Sequence[str] | None = None) -> int:
    """Write the likeliest class (0–31) of every clip; returns how many lines.

    order: clip ids, or None for the predictions' own order. UsageError for a clip without a prediction.
    """
    best = dict(zip(said.ids, said.chances.argmax(1).tolist(), strict=True))
    ids = list(said.ids if order is None else order)
    missing = [i for i in ids if i not in best]
    if missing:
        raise UsageError(
            f"expected a prediction for every clip of the list, found none for {len(missing)} "
            f"({listed(missing, 5)}); predict these videos too."
        )
    lines = [",".join(HEADER), *(f"{i},{int(np.int64(best[i]))}" for i in ids)]
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_with(path, "\n".join(lines) + "\n")
    return len(ids)
