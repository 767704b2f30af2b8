"""The frozen encoder of image features: our own small network, or a published DINOv2.

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
    """A network and the preprocessing of its inputs."""

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
    """Load the output folder of `training.model.image_encoder`, or DINOv2 weights by folder or hub name.

    Raises ModelError, with the reason, if there are no readable weights.
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
