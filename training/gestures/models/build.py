"""A branch as its recipe says."""

from pathlib import Path

import torch

from training.gestures.models.head import Branch
from training.gestures.models.posec3d import PoseC3D
from training.gestures.models.stcnn import STCNN
from training.gestures.models.video import Pictures, load_weights
from training.gestures.points import SETS
from training.gestures.recipe import BranchName, GestureRecipe, Maps, Rgb

MERGED = 24  # channels of merged maps


def build(name: BranchName, recipe: GestureRecipe, *, weights: bool = True) -> Branch:
    """A fresh branch, the same for the same seed. ``weights``: read Kinetics weights where the recipe names
    any.

    ModelError for weights that are not there or of another network.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        points = SETS[recipe.points]
        if name == "coordinates":
            c = recipe.coordinates
            net = STCNN(points.count, c.widths, c.strides)
            return Branch(net, net.width, c.dropout)
        settings: Maps | Rgb = getattr(recipe, name)
        if isinstance(settings, Maps):
            alone = points.count if name == "joints" else len(points.limbs)
            maps = PoseC3D(MERGED if settings.merged else alone, settings.base, settings.blocks)
            maps = maps.to(memory_format=torch.channels_last_3d)
            return Branch(maps, maps.width, settings.dropout)
        pictures = Pictures(settings.network)
        if weights and settings.weights:
            load_weights(pictures, Path(settings.weights), settings.sha256)
        return Branch(pictures, pictures.width, settings.dropout)
