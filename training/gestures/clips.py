"""The clip index: every labelled gesture of a corpus as one clip, and whose clips teach, tune and test.

A clip's id is ``<video>_<row>``, as in the challenge's lists; row 0 is the video's first line.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from stream.errors import UsageError
from training.corpus.gestures import HIDDEN
from training.corpus.index import listed
from training.corpus.labels import STRANGER
from training.corpus.store import Store

PARTS = ("train", "hidden", "validation", "test")


@dataclass(frozen=True, slots=True)
class Clip:
    """One gesture of one recording; ``last`` belongs to it."""

    video: str
    row: int
    label: int  # 0–31, −1 where the release hides it
    subject: str
    first: int  # tick
    last: int  # tick

    @property
    def id(self) -> str:
        return f"{self.video}_{self.row}"

    @property
    def ticks(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Places in the clip index, by what they are for. No subject is in two of them."""

    train: tuple[int, ...]  # labels are learnt from
    hidden: tuple[int, ...]  # training subjects whose labels nobody looks at: the inductive pool
    validation: tuple[int, ...]  # temperatures, weights and thresholds
    test: tuple[int, ...]  # nothing is decided here

    def named(self) -> dict[str, tuple[int, ...]]:
        return {name: getattr(self, name) for name in PARTS}


def index_of(store: Store, progress: Callable[[str], None] = lambda id: None) -> tuple[Clip, ...]:
    """Every gesture of a corpus, by video and row. UsageError for a corpus without any."""
    clips: list[Clip] = []
    for entry in store.index.entries:
        rows = store.recording(entry.id).gestures
        for kind, first, last, row in [] if rows is None else rows.tolist():
            clips.append(Clip(entry.id, row, kind, entry.subject, first, last))
        progress(entry.id)
    if not clips:
        raise UsageError(
            f"{store.folder}: expected recordings with gestures, found none; import a release with its "
            "gesture labels again, or make people up with `undertone-training gestures simulate`."
        )
    return tuple(sorted(clips, key=lambda c: (c.video, c.row)))


def divide(
    store: Store,
    clips: Sequence[Clip],
    split: str,
    *,
    hidden: float,
    validation: float,
    seed: int = 0,
) -> Parts:
    """Parts by subject: the split's test part stays as it is, everybody else is drawn by ``seed``.

    ``hidden`` and ``validation`` are shares of the training subjects. Clips of a hidden class teach nothing.
    UsageError for training videos without a subject, and for a subject on both sides of the split.
    """
    train, test = _sides(store, split)
    nobody = sorted(v for v in train if store.entries[v].subject.startswith(STRANGER))
    if nobody:
        raise UsageError(
            f"{store.folder}: expected a subject for every training video, found none for {len(nobody)} "
            f"({listed(nobody)}); name them in the label file."
        )
    subjects = sorted({store.entries[v].subject for v in train})
    order = [subjects[i] for i in np.random.default_rng([seed, 3217]).permutation(len(subjects))]
    n_validation = max(1, round(validation * len(order)))
    n_hidden = round(hidden * len(order))
    if len(order) - n_validation - n_hidden < 1:
        raise UsageError(
            f"{store.folder}: expected training subjects enough for {n_validation} in validation and "
            f"{n_hidden} hidden, found {len(order)}; import more or ask for smaller shares."
        )
    role = dict.fromkeys(order, "train")
    role |= dict.fromkeys(order[:n_validation], "validation")
    role |= dict.fromkeys(order[n_validation : n_validation + n_hidden], "hidden")
    places: dict[str, list[int]] = defaultdict(list)
    for i, clip in enumerate(clips):
        if clip.video in test:
            places["test"].append(i)
        elif clip.video in train and (clip.label != HIDDEN or role[clip.subject] == "hidden"):
            places[role[clip.subject]].append(i)
    parts = Parts(*(tuple(places[name]) for name in PARTS))
    check_parts(clips, parts)
    return parts


def _sides(store: Store, split: str) -> tuple[set[str], set[str]]:
    """Videos to learn from and to test on; a published validation part counts as training."""
    found = store.index.splits.get(split)
    if found is None or "test" not in found.parts or "train" not in found.parts:
        raise UsageError(
            f"{store.folder}: expected a split with a train and a test part "
            f"({listed(store.index.splits) or 'it has none'}), found {split}; name another in the recipe."
        )
    train = {v for name, videos in found.parts.items() if name != "test" for v in videos}
    return train, set(found.parts["test"])


def check_parts(clips: Sequence[Clip], parts: Parts) -> None:
    """UsageError for a subject in two parts, and for a part to learn from or to tune on that is empty."""
    places = defaultdict(set)
    for name, members in parts.named().items():
        for i in members:
            places[clips[i].subject].add(name)
    shared = sorted(s for s, names in places.items() if len(names) > 1)
    if shared:
        raise UsageError(
            f"expected every subject in one part of the clips, found {len(shared)} in several "
            f"({listed(shared)}); split by subject."
        )
    for name in ("train", "validation"):
        if not parts.named()[name]:
            raise UsageError(f"expected clips in the {name} part, found none; import more subjects.")


def subjects_of(clips: Sequence[Clip], places: Iterable[int]) -> list[str]:
    """The subject of each place, in order."""
    return [clips[i].subject for i in places]
