"""Divides a corpus into pools: every subject in exactly one, without using hidden labels."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from stream.errors import UsageError
from training.config import Recipe
from training.corpus.grid import SHORTEST
from training.corpus.protocols import disjoint_split
from training.corpus.store import Entry

HIDDEN = 67  # seed of the draw of hidden subjects


def usable(entry: Entry, skipped: list[str]) -> bool:
    """Whether a video can be trained on with its label; otherwise adds its id and the reason to
    ``skipped``."""
    reason = "no label" if entry.label is None else "too short" if entry.ticks < SHORTEST else ""
    if reason:
        skipped.append(f"{entry.id}: {reason}")
    return not reason


def divide(entries: Sequence[Entry], recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """Ids of train, validation, calibration and hidden; no subject is in two of them.

    Hidden subjects are drawn first, independently of their labels: balancing classes with them would reveal
    how many of the hidden won. The others are divided with equal shares of wins and losses. Raises UsageError
    for too few subjects, and for a required part with a single class.
    """
    split = recipe.splitting
    shares = {name: getattr(split, name) for name in ("validation", "calibration")}
    positive = {name: v for name, v in shares.items() if v}
    names = ["train", *positive, *(["hidden"] if split.hidden else [])]
    subjects = {e.subject for e in entries}
    if len(subjects) < len(names):
        raise UsageError(
            f"expected at least {len(names)} labelled subjects for {', '.join(names)}, found "
            f"{len(subjects)}; import more or ask for fewer parts."
        )
    hidden = _draw_subjects(entries, split.hidden, len(subjects) - len(names) + 1, recipe.seed)
    rest = [e for e in entries if e.subject not in hidden]
    known = 1 - split.hidden
    positive = {"train": 1 - sum(positive.values()) / known} | {
        name: v / known for name, v in positive.items()
    }
    parts = disjoint_split(rest, positive, recipe.seed).parts
    label = {e.id: e.label for e in rest}
    for name in ("train", "calibration", *(["validation"] if split.validation else [])):
        classes = {label[id] for id in parts.get(name, ())}
        if len(classes) < 2:
            found = "nobody" if not classes else "wins alone" if 1 in classes else "losses alone"
            without = ", or validation = 0 there to train without early stopping" * (name == "validation")
            raise UsageError(
                f"{name}: expected wins and losses among its subjects, found {found}; use more videos, "
                f"another seed or other shares in [splitting]{without}."
            )
    divided = {name: parts.get(name, ()) for name in ("train", *shares)}
    return divided | {"hidden": tuple(sorted(e.id for e in entries if e.subject in hidden))}


def all_labelled(*, simulated: bool, transductive: bool, told: bool) -> bool:
    """Whether the hidden people are learnt from under their true labels after all: without pseudo-labels for
    them, hiding these would lose a part of the people.

    ``told``: a labeller gave confidences. A simulated corpus has a simulated labeller; in the transductive
    setting the pool is the test part and nobody else is hidden.
    """
    return not (simulated or transductive or told)


def _draw_subjects(entries: Iterable[Entry], share: float, most: int, seed: int) -> set[str]:
    """1..``most`` random subjects whose videos are nearest to ``share`` of all; none for a share of 0."""
    videos: dict[str, int] = defaultdict(int)
    for entry in entries:
        videos[entry.subject] += 1
    if not share:
        return set()
    order = np.random.default_rng([seed, len(videos), HIDDEN]).permutation(sorted(videos)).tolist()
    reached = np.cumsum([videos[subject] for subject in order[:most]])
    return set(order[: int(np.abs(reached - share * sum(videos.values())).argmin()) + 1])


def unlabelled(
    entries: Mapping[str, Entry],
    parts: Mapping[str, Collection[str]],
    divided: Mapping[str, Collection[str]],
    pseudo_labelled: Collection[str],
    *,
    transductive: bool,
) -> list[Entry]:
    """Videos without a label that may be used in stage 2 with a pseudo-label; they are never evaluated.

    ``pseudo_labelled``: ids with a pseudo-label. People used for validation or calibration are excluded, and
    so are people of parts that this run does not use. With ``transductive``, people of the test part and
    unknown subjects, who might belong to it, are allowed; otherwise only people of the training part.
    """

    def people(*groups: Collection[str]) -> set[str]:
        return {entries[id].subject for group in groups for id in group}

    train, test = people(parts["train"]), people(parts["test"])
    elsewhere = {e.subject for e in entries.values() if e.label is not None} - train - test
    excluded = elsewhere | people(divided["validation"], divided["calibration"])
    excluded |= (
        set() if transductive else {e.subject for e in entries.values() if e.subject not in train} | test
    )
    return [
        e
        for id, e in sorted(entries.items())
        if e.label is None and id in pseudo_labelled and e.ticks >= SHORTEST and e.subject not in excluded
    ]
