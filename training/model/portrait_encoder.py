"""The frozen portrait network that image features come from: our own small one, or a published DINOv2.

Paper: DINOv2-Base at 518×518, the CLS token after the final LayerNorm.
"""

from dataclasses import dataclass
from pathlib import Path

from transformers import Dinov2Model

from export.frontends.published import LOAD_ERRORS, dinov2, reason
from stream.bundle.manifest import Extractor
from stream.errors import ModelError
from stream.files import sha256_of
from stream.records import Floats, Image
from training.model import image_encoder

OURS, WEIGHTS = "encoder.json", "model.safetensors"
BATCH = 16


@dataclass(frozen=True, slots=True, eq=False)
class PortraitEncoder:
    """A network and what must be known to feed it."""

    dinov2: Dinov2Model
    size: int  # pixels
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    name: str
    sha256: str  # of its weights

    def __call__(self, images: Image) -> Floats:
        """Portraits uint8 [N, S, S, 3] → float32 [N, D]."""
        return image_encoder.encode(self.dinov2, images, BATCH)

    @property
    def extractor(self) -> Extractor:
        return Extractor(name=self.name, sha256=self.sha256)


def load(source: str | Path) -> PortraitEncoder:
    """What `training.model.image_encoder` wrote to a directory, or DINOv2 weights by folder or hub name.

    Raises ModelError when there is none that reads, with the reason.
    """
    try:
        if (Path(source) / OURS).exists():
            model, name = image_encoder.load(source), "DINOv2 architecture, trained on warped portraits"
            weights = Path(source) / WEIGHTS
        else:
            (model, weights), name = dinov2(str(source)), Path(source).name
    except LOAD_ERRORS as error:
        raise ModelError(
            f"{source}: expected a portrait encoder, a folder or hub name of DINOv2 weights, found none that "
            f"reads ({reason(error)}); train one or download the weights first."
        ) from error
    return PortraitEncoder(
        dinov2=model,
        size=model.config.image_size,
        mean=image_encoder.MEAN,
        std=image_encoder.STD,
        name=name,
        sha256=sha256_of(weights),
    )
