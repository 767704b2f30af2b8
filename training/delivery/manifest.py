"""What a bundle's manifest says of a run: its modes, its inputs, where it comes from."""

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
    """The manifest without golden tensors, and without the files, which ``write`` lists."""
    about, recipe = checkpoint.about, checkpoint.recipe
    says = recipe.delivery
    return Manifest(
        name=recipe.name,
        window=recipe.window,
        prior=says.prior,
        warmup_s=says.warmup_s,
        extractors=extractors,
        image=image,
        text=_text_input(recipe.model.text.length, about) if "text" in about["branches"] else None,
        modes=modes,
        provenance=Provenance(
            licence=says.licence,
            data=about.get("corpus") or says.data,
            command=command,
            note=_note(about, says),
            created=datetime.date.today().isoformat(),
        ),
        tolerances=USUAL,
        files={},
    )


def full_mode(checkpoint: Checkpoint, branches: dict[str, Graph], fusion: Graph) -> Mode:
    """The full mode of a calibrated checkpoint."""
    return Mode(
        branches=branches,
        fusion=fusion,
        hop=checkpoint.recipe.delivery.hop,
        calibration=msgspec.convert(checkpoint.about["calibration"], Calibration),
    )


def check_knots(recipe: Recipe) -> None:
    """Raises UsageError where the calibration speaks of seconds that the window never holds."""
    span_s, last = recipe.window.poses / recipe.window.rate, recipe.calibrating.knots_s[-1]
    if last > span_s + 1e-6:
        raise UsageError(
            f"{recipe.name}: expected calibrating.knots_s up to the window's {span_s:g} s, found {last:g} s; "
            "lower the knots or lengthen delivery.poses."
        )


def image_input(encoder: Graph | None, portrait: PortraitEncoder | None, dim: int) -> ImageInput | None:
    """How portraits become image features, where a bundle has them."""
    if encoder is None or portrait is None:
        return None
    return ImageInput(encoder=encoder, size=portrait.size, mean=portrait.mean, std=portrait.std, dim=dim)


def _text_input(length: int, about: dict[str, Any]) -> TextInput:
    """With the form of the descriptions that a run learnt from: the live side gives its own the same."""
    return TextInput(tokenizer=TOKENIZER, length=length, form=about.get("text_form", "guarded"))


def _note(about: dict[str, Any], says: Delivery) -> str:
    """What a reader must know first. A recipe speaks for made-up people, whom a corpus may replace."""
    if about.get("simulated", True):
        return says.note
    return f"Trained on {about['corpus']}: it says nothing of other people in other places."
