"""What each branch reads: a batch of its input for given clips, with chance in training and without in
tests."""

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stream.records import Image
from training.gestures.data import heatmaps
from training.gestures.data.coordinates import Changes, features, sample
from training.gestures.data.sampling import middle
from training.gestures.data.skeletons import Skeletons
from training.gestures.points import Channels, merged_limbs, merged_points, single
from training.gestures.recipe import BranchName, Coordinates, GestureRecipe, Maps, Rgb

GAIN, TINT, OFFSET = 0.25, 0.1, 12.0  # of brightness, of each colour, grey levels
# PoseC3D's maps are varied by flips and crops alone, as pyskl does.
FLIPS = Changes(flip=0.5, rotate=0, scale=0, part=0, drop=0, jitter=0)


class Reader(Protocol):
    """Gives a branch's input of clips."""

    def __call__(self, places: NDArray[np.int64], rng: np.random.Generator | None = None) -> Tensor:
        """The clips at ``places``, batch first; without ``rng`` the same every time."""


class CoordinateReader:
    """float32 [B, 6, T, K]."""

    def __init__(self, skeletons: Skeletons, settings: Coordinates) -> None:
        self.skeletons, self.ticks = skeletons, settings.ticks

    def __call__(self, places: NDArray[np.int64], rng: np.random.Generator | None = None) -> Tensor:
        return torch.from_numpy(features(sample(self.skeletons, places, self.ticks, Changes(), rng)))


class MapReader:
    """float32 [B, C, T, S, S], rendered for this batch."""

    def __init__(self, skeletons: Skeletons, settings: Maps, *, limbs: bool) -> None:
        self.skeletons, self.settings, self.limbs = skeletons, settings, limbs
        self.channels = channels(skeletons, settings, limbs=limbs)

    def __call__(self, places: NDArray[np.int64], rng: np.random.Generator | None = None) -> Tensor:
        found = sample(self.skeletons, places, self.settings.frames, FLIPS, rng)
        shown = heatmaps.windows(self.skeletons.squares[places], found.flipped, self.settings.smallest, rng)
        place, score = heatmaps.pixels(found, shown, self.settings.size)
        if self.limbs:
            links = self.skeletons.set.limbs
            return heatmaps.limbs(place, score, self.settings.size, links, self.channels)
        return heatmaps.joints(place, score, self.settings.size, self.channels)


def channels(skeletons: Skeletons, settings: Maps, *, limbs: bool) -> Channels:
    """Which points or limbs share a map."""
    if settings.merged:
        return merged_limbs() if limbs else merged_points()
    return single(len(skeletons.set.limbs) if limbs else skeletons.set.count)


class PictureReader:
    """uint8 [B, 3, T, S, S]; cropped, mirrored and in another light at random in training."""

    def __init__(self, pictures: Image, settings: Rgb) -> None:
        """``pictures``: uint8 [N, F, stored, stored, 3]."""
        self.pictures, self.settings = pictures, settings

    def __call__(self, places: NDArray[np.int64], rng: np.random.Generator | None = None) -> Tensor:
        found = np.asarray(self.pictures[places])
        size, spare = self.settings.size, found.shape[2] - self.settings.size
        frames = middle(found.shape[1], self.settings.frames)
        out = np.empty((len(places), len(frames), size, size, 3), np.uint8)
        for i, clip in enumerate(found):
            y, x = (spare // 2, spare // 2) if rng is None else rng.integers(0, spare + 1, 2).tolist()
            part = clip[frames, y : y + size, x : x + size]
            out[i] = part if rng is None else _varied(part, rng)
        return torch.from_numpy(np.ascontiguousarray(out.transpose(0, 4, 1, 2, 3)))


def _varied(clip: Image, rng: np.random.Generator) -> Image:
    """A clip [T, S, S, 3] mirrored or not, under another light: a gain and an offset of each colour."""
    part = clip[:, :, ::-1] if rng.random() < 0.5 else clip
    gain = rng.uniform(1 - GAIN, 1 + GAIN) * rng.uniform(1 - TINT, 1 + TINT, 3)
    light = part * gain.astype(np.float32) + rng.uniform(-OFFSET, OFFSET, 3).astype(np.float32)
    return np.asarray(np.clip(light, 0, 255), np.uint8)


def reader(name: BranchName, recipe: GestureRecipe, skeletons: Skeletons, pictures: dict[str, Any]) -> Reader:
    """The reader of one branch; ``pictures``: by branch name, where it reads any."""
    if name == "coordinates":
        return CoordinateReader(skeletons, recipe.coordinates)
    if name == "joints":
        return MapReader(skeletons, recipe.joints, limbs=False)
    if name == "limbs":
        return MapReader(skeletons, recipe.limbs, limbs=True)
    return PictureReader(pictures[name], getattr(recipe, name))
