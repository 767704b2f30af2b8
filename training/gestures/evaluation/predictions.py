"""Probabilities of clips with their truth, as a record and as one file."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from stream.errors import UsageError
from training.corpus.gestures import CLASSES
from training.corpus.tensors import writing


@dataclass(frozen=True, slots=True, eq=False)
class ClipPredictions:
    """N clips."""

    ids: tuple[str, ...]  # "0054_0"
    subjects: tuple[str, ...]
    labels: NDArray[np.int64]  # [N], −1 where nobody knows
    chances: NDArray[np.float64]  # [N, 32], rows sum to 1

    def known(self) -> "ClipPredictions":
        """Those whose class is known."""
        kept = np.flatnonzero(self.labels >= 0)
        return ClipPredictions(
            tuple(self.ids[i] for i in kept),
            tuple(self.subjects[i] for i in kept),
            self.labels[kept],
            self.chances[kept],
        )


def write(path: Path, said: ClipPredictions) -> None:
    """One safetensors file, whole or not at all."""
    words = {"ids": json.dumps(said.ids), "subjects": json.dumps(said.subjects)}
    with writing(path) as part:
        save_file({"labels": said.labels, "chances": said.chances}, part, metadata=words)


def read(path: Path) -> ClipPredictions:
    """The predictions of a file. UsageError for a missing one or another kind of file."""
    try:
        with safe_open(path, "np") as stored:
            words = stored.metadata()
            found = ClipPredictions(
                tuple(json.loads(words["ids"])),
                tuple(json.loads(words["subjects"])),
                stored.get_tensor("labels"),
                stored.get_tensor("chances"),
            )
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{path}: expected predictions of clips, found none ({error}); run "
            "`undertone-training gestures train` first."
        ) from error
    return found


def check_pair(a: ClipPredictions, b: ClipPredictions) -> None:
    """UsageError unless both are about the same clips with the same truth."""
    same = a.ids == b.ids and a.subjects == b.subjects and np.array_equal(a.labels, b.labels)
    if not same:
        raise UsageError(
            "expected two variants' predictions of the same clips, found others; predict both on one test "
            "set."
        )


def always(said: ClipPredictions, label: int) -> ClipPredictions:
    """Who answers ``label`` to everything."""
    chances = np.full((len(said.ids), CLASSES), 1e-9)
    chances[:, label] = 1
    return ClipPredictions(said.ids, said.subjects, said.labels, chances / chances.sum(1, keepdims=True))


def subjects_in_order(subjects: Sequence[str]) -> NDArray[np.int64]:
    """A number for each subject, int64 [N], 0..S−1."""
    _, found = np.unique(np.array(subjects), return_inverse=True)
    return found.astype(np.int64)
