"""The manifest of a run's bundle: modes, inputs, provenance."""

import datetime
from typing import Any, Literal

import msgspec

from stream.bundle.manifest import (
    Calibration,
    Extractor,
    Graph,
    ImageInput,
    Manifest,
    Mode,
    Provenance,
    TextInput,
)
from stream.errors import UsageError
from stream.verify.bundle_parity import USUAL
from training.config import Delivery, Recipe
from training.learning.checkpoint import Checkpoint
from training.model.portrait_encoder import PortraitEncoder

TOKENIZER = "tokenizer.json"


def manifest_of(
    checkpoint: Checkpoint,
    modes: dict[Literal["full", "ring"], Mode],
    *,
    extractors: dict[str, Extractor],
    image: ImageInput | None,
    command: str,
) -> Manifest:
    """The manifest without golden tensors and without the files, which ``write`` lists."""
    about, recipe = checkpoint.about, checkpoint.recipe
    delivery = recipe.delivery
    return Manifest(
        name=recipe.name,
        window=recipe.window,
        prior=delivery.prior,
        warmup_s=delivery.warmup_s,
        extractors=extractors,
        image=image,
        text=_text_input(recipe.model.text.length, about) if "text" in about["branches"] else None,
        modes=modes,
        provenance=Provenance(
            licence=delivery.licence,
            data=about.get("corpus") or delivery.data,
            command=command,
            note=_note(about, delivery),
            created=datetime.date.today().isoformat(),
        ),
        tolerances=USUAL,
        files={},
    )


def full_mode(checkpoint: Checkpoint, branches: dict[str, Graph], fusion: Graph) -> Mode:
    """Full mode of a calibrated checkpoint."""
    return Mode(
        branches=branches,
        fusion=fusion,
        hop=checkpoint.recipe.delivery.hop,
        calibration=msgspec.convert(checkpoint.about["calibration"], Calibration),
    )


def check_knots(recipe: Recipe) -> None:
    """Raises UsageError if the calibration has knots beyond the length of the window."""
    span_s, last = recipe.window.poses / recipe.window.rate, recipe.calibrating.knots_s[-1]
    if last > span_s + 1e-6:
        raise UsageError(
            f"{recipe.name}: expected calibrating.knots_s up to the window's {span_s:g} s, found {last:g} s; "
            "lower the knots or lengthen delivery.poses."
        )


def image_input(encoder: Graph | None, portrait: PortraitEncoder | None, dim: int) -> ImageInput | None:
    """The manifest's image input, or None for a bundle without an image branch."""
    if encoder is None or portrait is None:
        return None
    return ImageInput(encoder=encoder, size=portrait.size, mean=portrait.mean, std=portrait.std, dim=dim)


def _text_input(length: int, about: dict[str, Any]) -> TextInput:
    """The manifest's text input, with the form of the run's descriptions, which the live side uses too."""
    return TextInput(tokenizer=TOKENIZER, length=length, form=about.get("text_form", "guarded"))


def _note(about: dict[str, Any], delivery: Delivery) -> str:
    """The note to readers: the recipe's for simulated people, else one about the corpus."""
    if about.get("simulated", True):
        return delivery.note
    return f"Trained on {about['corpus']}: its accuracy on other people in other places is unknown."
