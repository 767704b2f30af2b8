"""One trained branch on disk: its weights and what it says of every clip that is not learnt from.

A branch is named after all that it depends on, so that variants of a table share what they have in common,
and a branch that is there is not trained again.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file as save_tensors

from training.corpus.tensors import writing
from training.gestures.learning.course import Taught, device, predict, train
from training.gestures.models.build import build
from training.gestures.models.head import Branch
from training.gestures.recipe import BranchName, GestureRecipe
from training.gestures.runs.materials import Materials
from training.learning.log import Log

WEIGHTS, LOGITS, BRANCHES = "weights.safetensors", "logits.safetensors", "trained"


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A branch and what it says."""

    folder: Path
    logits: NDArray[np.float32]  # [N, 32], rows of clips that it learnt from are zeros


def key_of(name: BranchName, recipe: GestureRecipe, materials: Materials, taught: Taught) -> str:
    """SHA-256 of all that the branch depends on."""
    words = {
        "branch": name,
        "settings": msgspec.to_builtins(getattr(recipe, name)),
        "objective": msgspec.to_builtins(recipe.objective),
        "points": recipe.points if name not in ("swin3d", "r2plus1d") else "",
        "seed": recipe.seed,
        "materials": materials.mark,
        "taught": hashlib.sha256(
            b"".join(
                np.ascontiguousarray(a).tobytes() for a in (taught.places, taught.labels, taught.weights)
            )
        ).hexdigest(),
    }
    return hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()


def labelled(materials: Materials) -> Taught:
    """The training part under its true labels."""
    places = np.array(materials.parts.train, np.int64)
    return Taught(places, materials.labels[places], np.ones(len(places), np.float32))


def asked(materials: Materials) -> NDArray[np.int64]:
    """Clips that every branch is asked about: all but those learnt from."""
    parts = materials.parts
    return np.array(sorted((*parts.hidden, *parts.validation, *parts.test)), np.int64)


def branch(
    name: BranchName,
    recipe: GestureRecipe,
    materials: Materials,
    taught: Taught,
    out: Path,
    log: Log | None = None,
) -> Trained:
    """Train a branch on ``taught``, unless it is in ``out``, and ask it about the other clips."""
    folder = out / BRANCHES / f"{name}-{key_of(name, recipe, materials, taught)[:16]}"
    if (folder / LOGITS).is_file():
        return Trained(folder, load_file(folder / LOGITS)["logits"])
    folder.mkdir(parents=True, exist_ok=True)
    read = materials.reader(name, recipe)
    # The phase names the chance that is drawn: the same in both rounds, so that only the labels differ.
    net = train(name, recipe, read, taught, name, folder, log)
    places = asked(materials)
    logits = np.zeros((len(materials.clips), predict(net, read, places[:0]).shape[1]), np.float32)
    logits[places] = predict(net, read, places)
    with writing(folder / WEIGHTS) as part:
        save_tensors({k: v.cpu().contiguous() for k, v in net.state_dict().items()}, part)
    with writing(folder / LOGITS) as part:
        save_file({"logits": logits}, part)
    return Trained(folder, logits)


def restored(name: BranchName, recipe: GestureRecipe, folder: Path) -> Branch:
    """A trained branch in evaluation mode."""
    net = build(name, recipe, weights=False)
    net.load_state_dict(load_tensors(folder / WEIGHTS))
    return net.to(device()).eval()


def all_branches(
    recipe: GestureRecipe,
    materials: Materials,
    taught: Mapping[BranchName, Taught] | Taught,
    out: Path,
    log: Log | None = None,
) -> dict[BranchName, Trained]:
    """Every branch of a recipe, each on its own clips."""
    return {
        name: branch(
            name, recipe, materials, taught if isinstance(taught, Taught) else taught[name], out, log
        )
        for name in recipe.branches
    }
