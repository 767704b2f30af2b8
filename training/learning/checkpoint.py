"""Checkpoints on disk: weights as safetensors, everything else as TOML and JSON, without pickles."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from msgspec import structs
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from stream.errors import ModelError
from training.config import Recipe, parse, to_toml
from training.model.fused import Branches, Fused
from training.model.ring import RingFused

RING = "ring"  # the stage of a ring mode's checkpoint
WEIGHTS, RECIPE, TOKENIZER, ABOUT = "weights.safetensors", "recipe.toml", "tokenizer.json", "about.json"


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """The result of a stage."""

    recipe: Recipe
    model: Branches
    tokenizer: Tokenizer
    about: dict[str, Any]  # stage, trained branches, calibration, metrics


def save(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint directory, replacing an existing one."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.contiguous() for name, value in checkpoint.model.state_dict().items()}
    save_file(weights, folder / WEIGHTS)
    (folder / RECIPE).write_text(to_toml(checkpoint.recipe))
    checkpoint.tokenizer.save(str(folder / TOKENIZER))
    (folder / ABOUT).write_text(json.dumps(checkpoint.about, indent=1) + "\n")
    return folder


def load(folder: Path, recipe: Recipe | None = None) -> Checkpoint:
    """Read a checkpoint directory. Raises ModelError for a missing file or weights of another shape.

    ``recipe``: another recipe to continue with, of the same network.
    """
    try:
        stored = parse((folder / RECIPE).read_text(), str(folder / RECIPE))
        recipe = _sized(recipe, stored) if recipe else stored
        about = json.loads((folder / ABOUT).read_text())
        tokenizer = Tokenizer.from_str((folder / TOKENIZER).read_text())
        weights = load_file(folder / WEIGHTS)
        recipe = _read_out(recipe, weights)
        model = (build_ring if about["stage"] == RING else build)(recipe, tokenizer)
        model.load_state_dict(weights)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"{folder}: expected a checkpoint ({WEIGHTS}, {RECIPE}, {TOKENIZER}, {ABOUT}), found none that "
            f"reads ({str(error).splitlines()[0]}); train again."
        ) from error
    return Checkpoint(recipe, model.eval(), tokenizer, about)


def _sized(recipe: Recipe, stored: Recipe) -> Recipe:
    """The recipe with the stored sizes of a pretrained BERT, which only the checkpoint's recipe contains."""
    text = recipe.model.text
    if not text.source or text.source != stored.model.text.source:
        return recipe
    return structs.replace(recipe, model=structs.replace(recipe.model, text=stored.model.text))


def _read_out(recipe: Recipe, weights: Collection[str]) -> Recipe:
    """A graph encoder of before there was ``graph_readout`` has the mean, and weights that tell it."""
    if not any(name.endswith(".weigh") for name in weights):
        return recipe
    return structs.replace(recipe, model=structs.replace(recipe.model, graph_readout="mean"))


def build(recipe: Recipe, tokenizer: Tokenizer) -> Fused:
    """The untrained network of a recipe, initialised with its seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return Fused(recipe.model, recipe.window, tokenizer.get_vocab_size())


def build_ring(recipe: Recipe, tokenizer: Tokenizer) -> RingFused:
    """The untrained network of a recipe's ring mode, initialised with its seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return RingFused(recipe.model, recipe.ring, recipe.window, tokenizer.get_vocab_size())
