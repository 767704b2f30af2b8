"""What a run learns from: a corpus with gestures, its clips and parts, and their inputs, prepared once."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stream.errors import UsageError
from stream.records import Image
from training.corpus.gestures import CLASSES, HIDDEN
from training.corpus.store import Store
from training.gestures.clips import Clip, Parts, divide, index_of
from training.gestures.data.inputs import Reader, reader
from training.gestures.data.pictures import Pictures, VideoPictures, prepare
from training.gestures.data.skeletons import Skeletons
from training.gestures.data.skeletons import read as read_skeletons
from training.gestures.points import SETS, check_face
from training.gestures.recipe import PICTURE, BranchName, GestureRecipe, People, Rgb
from training.gestures.simulator import as_corpus
from training.gestures.simulator.catalogue import chosen
from training.gestures.simulator.drawn import DrawnPictures
from training.gestures.simulator.scenes import World

CORPUS, PICTURES = "corpus", "pictures"
Step = Callable[[str], None]


def _quiet(id: str) -> None:
    """No progress."""


@dataclass(frozen=True, slots=True, eq=False)
class Materials:
    """A corpus divided, and its inputs as they are asked for."""

    store: Store
    clips: tuple[Clip, ...]
    parts: Parts
    labels: NDArray[np.int64]  # [N], −1 where nobody knows; those of a pool only measure
    pictures: Pictures | None  # where pictures of clips come from
    work: Path  # caches
    _skeletons: dict[str, Skeletons] = field(default_factory=dict)
    _cut: dict[str, Image] = field(default_factory=dict)

    @property
    def simulated(self) -> bool:
        return self.store.index.simulated

    @property
    def mark(self) -> str:
        """What the run is bound to: the recordings, the parts, and the labels that may be learnt from."""
        taught = [*self.parts.train, *self.parts.validation]
        words = [
            [[e.id, e.sha256] for e in self.store.index.entries],
            self.parts.named(),
            self.labels[taught].tolist(),
        ]
        return hashlib.sha256(json.dumps(words).encode()).hexdigest()

    def counts(self) -> NDArray[np.int64]:
        """Labelled training clips of each class, int64 [32]."""
        return np.bincount(self.labels[list(self.parts.train)], minlength=CLASSES)

    def reader(self, name: BranchName, recipe: GestureRecipe) -> Reader:
        """The input of one branch. UsageError for points that the corpus lacks, and for missing pictures."""
        if name not in PICTURE:
            return reader(name, recipe, self.skeletons(recipe.points), {})
        rgb: Rgb = getattr(recipe, name)
        return reader(name, recipe, _none(), {name: self.cut(rgb)})

    def skeletons(self, points: str) -> Skeletons:
        """The clips' points of one set, read once."""
        if points not in self._skeletons:
            found = read_skeletons(self.store, self.clips, SETS[points])
            check_face(SETS[points], np.asarray(found.valid.any(0)), str(self.store.folder))
            self._skeletons[points] = found
        return self._skeletons[points]

    def cut(self, rgb: Rgb, progress: Step = _quiet) -> Image:
        """The clips' pictures of one view and size, uint8 [N, F, S, S, 3]."""
        if self.pictures is None:
            raise UsageError(
                f"{self.store.folder}: expected videos for the picture branches, found skeletons alone; "
                "name a "
                'folder with --videos, or set branches = ["coordinates", "joints", "limbs"] in the recipe.'
            )
        key = f"{rgb.view}-{rgb.frames}x{rgb.stored}"
        if key not in self._cut:
            folder = self.work / PICTURES
            self._cut[key] = prepare(
                self.store, self.clips, self.pictures, rgb.view, rgb.frames, rgb.stored, folder, progress
            )
        return self._cut[key]


def _none() -> Skeletons:
    """Of a branch that reads no points."""
    empty = np.zeros((0, 0, 2), np.float32)
    return Skeletons(
        empty, empty[..., 0] > 0, np.zeros(1, np.int64), np.zeros((0, 3), np.float32), SETS["22"]
    )


def world_of(people: People) -> World:
    """The made-up world of a recipe."""
    return World(
        labels=chosen(people.classes), imbalance=people.imbalance, share=people.share, seconds=people.seconds
    )


def from_simulator(recipe: GestureRecipe, work: Path, progress: Step = _quiet) -> Materials:
    """Made-up people of the recipe, in ``work``: the same ones for every training seed."""
    people = recipe.people
    rest = max(1 - people.train - people.test, 0.0)
    shares = {"train": people.train + rest, "test": people.test}
    store = as_corpus.write(
        work / CORPUS, "made-up", world_of(people), people.count, people.seed, shares, progress
    )
    return from_corpus(recipe, store, work)


def from_corpus(recipe: GestureRecipe, store: Store, work: Path, videos: Path | None = None) -> Materials:
    """A corpus divided as the recipe says; ``videos``: a folder of its videos for the picture branches.

    UsageError for a corpus without gestures or subjects and for a split that shares subjects.
    """
    clips = index_of(store)
    parts = divide(
        store,
        clips,
        recipe.splitting.split,
        hidden=recipe.splitting.hidden,
        validation=recipe.splitting.validation,
        seed=recipe.seed,
    )
    world = as_corpus.world_of(store.folder)
    pictures: Pictures | None = DrawnPictures(world) if world is not None else None
    if videos is not None:
        pictures = VideoPictures(videos, {e.id: e.source_rate for e in store.index.entries})
    labels = np.array([clip.label for clip in clips], np.int64)
    if not (labels[list(parts.train)] != HIDDEN).any():
        raise UsageError(
            f"{store.folder}: expected training clips of a known class, found none; import labels."
        )
    return Materials(store, clips, parts, labels, pictures, work)
