"""Builds the demo bundle from scratch, in both modes; existing films, encoder and checkpoints are reused."""

from pathlib import Path

from stream.frontend.mediapipe import embedded
from training import config
from training.data import materials
from training.data.films import load_folder, warped_recordings
from training.delivery.deliver import deliver_run
from training.learning import runs
from training.model import image_encoder
from training.simulator.behaviour import PROFILES

COMMAND = "undertone-training demo"
SECONDS, MIXED, SEED = 60.0, 0.4, 0  # of the films


def rebuild(out: Path, work: Path, count: int) -> str:
    """Encoder, films, both stages, delivery; returns a summary."""
    recipe = config.load("demo")
    encoder, films = work / materials.ENCODER, work / "warped"
    if not (encoder / "model.safetensors").exists():
        image_encoder.train(encoder, image_encoder.TrainingOptions(threads=recipe.compute.threads))
    front_end = embedded.from_cache(recipe.compute.threads)
    profile = PROFILES[recipe.data.profile]
    for _ in warped_recordings(profile, count, SECONDS, SEED, front_end, mixed=MIXED, folder=films):
        pass
    encode = materials.image_encoder(recipe, work, encoder)
    checkpoint = runs.run(recipe, work, materials.from_simulator(recipe, load_folder(films, encode), encode))
    return deliver_run(checkpoint, out, encoder, COMMAND, runs.ring_of(work))
