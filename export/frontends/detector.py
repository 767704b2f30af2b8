"""Person detector: an ultralytics detection checkpoint → ONNX; the live side decodes its output."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from export.frontends.checkpoint import load
from export.frontends.extras import require
from export.frontends.pictures import patches, pictures
from export.frontends.write_model import Precision, draft, write
from export.lowering.to_onnx import OPSET
from stream.bundle.manifest import Extractor, Graph
from stream.bundle.model_card import Card, Preprocessing
from stream.errors import ModelError, UsageError
from stream.files import sha256_of

STRIDE = 32


class Boxes(nn.Module):
    """``images`` float32 [1, 3, H, W], RGB in 0..1 → ``boxes`` [1, 4 + classes, N]."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        boxes: Tensor = self.model(images)
        return boxes


def export_detector(
    source: str, out: Path, *, size: tuple[int, int] = (640, 640), precision: Precision = "fp32"
) -> Card:
    """Write the detector of ``source``: a ``.pt`` file, the name of a released one, or a model's ``.yaml``.

    ``size`` is the input's (width, height); a YAML gives random weights, to test the pipeline with. Raises
    UsageError for a wrong size or source, ModelError for a file that is no detection checkpoint.
    """
    if min(size) <= 0 or size[0] % STRIDE or size[1] % STRIDE:
        raise UsageError(
            f"--size: expected a width and height that are multiples of {STRIDE}, found "
            f"{size[0]}x{size[1]}; choose e.g. 640x384 for a wide picture."
        )
    require("ultralytics")
    model, weights, licence = load(source)
    person = _person_class(source, model, named=weights is not None)
    width, height = size
    stem = Path(source).stem
    rng = np.random.default_rng(0)
    shape = (1, 3, height, width)
    before = Preprocessing(
        resize="letterbox",
        width=width,
        height=height,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        note="RGB in 0..1; aspect kept, bilinear, centred on grey 114",
    )

    def card(graph: Graph) -> Card:
        return draft(
            "ultralytics",
            "torch",
            kind="detector",
            source=Path(source).name,
            extractor=Extractor(name=stem, sha256=sha256_of(weights) if weights else "random weights"),
            licence=licence,
            graph=graph,
            preprocessing=before,
            person=person,
            opset=OPSET,
            precision=precision,
        )

    return write(
        Boxes(model),
        {"images": torch.from_numpy(patches(rng, shape))},
        "boxes",
        out / f"{stem}-{width}x{height}-{precision}.onnx",
        card,
        precision=precision,
        cases=[{"images": patches(rng, shape)} for _ in range(2)],
        golden={"pictures": pictures(before)},
        parts=lambda output: (output[:, :4], output[:, 4:]),
        tail=True,
    )


def _person_class(source: str, model: Any, *, named: bool) -> int:
    """The number of the class named person; 0 for random weights, whose classes have no names."""
    names = {int(number): name for number, name in model.names.items()}
    people = [number for number, name in names.items() if name == "person"]
    if not people and named:
        raise ModelError(
            f"{source}: expected a class named person, found {', '.join(list(names.values())[:5])}…; "
            "give a detector of people."
        )
    return people[0] if people else 0
