"""Portrait → image feature: cropped on the fast lane, encoded on the slow one.

Paper: the portrait resized to the encoder's square size without keeping its aspect, ImageNet statistics, CLS
token (hidden-emotion paper, image features; facebookresearch/dinov2).
"""

from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from stream.branches.bare_encoder import bare_input, is_bare
from stream.branches.options import ImageOptions
from stream.bundle.load import Bundle
from stream.bundle.manifest import Extractor, ImageInput
from stream.bundle.model_card import Card, card_file, card_of
from stream.errors import BundleError, ModelError
from stream.inference.engine import Engine
from stream.records import Floats, Image, Portrait


def crop_portrait(image: Image, portrait: Portrait, size: int) -> Image:
    """The portrait resized to uint8 [size, size, 3]; the box is clipped to the frame."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = portrait.box
    left, top = int(min(max(x0, 0), width - 1)), int(min(max(y0, 0), height - 1))
    right, bottom = max(left + 1, min(round(x1), width)), max(top + 1, min(round(y1), height))
    crop = image[top:bottom, left:right]
    shrinks = crop.shape[0] >= size and crop.shape[1] >= size
    resized = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, np.uint8)


def normalised(crop: Image, spec: ImageInput) -> NDArray[np.float32]:
    """uint8 [S, S, 3] → float32 [1, 3, S, S] with the manifest's mean and deviation, or [1, S, S, 3] where
    the encoder takes its channels last."""
    mean = np.array(spec.mean, np.float32) * 255
    scale = 1 / (np.array(spec.std, np.float32) * 255)
    values = (crop.astype(np.float32) - mean) * scale
    if spec.encoder.inputs[0].shape[1:] == values.shape:
        return np.ascontiguousarray(values[None])
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


class ImageEncoder:
    """The image encoder of a bundle or a folder, as specified by ``spec``."""

    def __init__(
        self, home: Bundle | Path, spec: ImageInput, *, provider: str = "cpu", threads: int = 1
    ) -> None:
        self.spec = spec
        path = (home.folder if isinstance(home, Bundle) else home) / spec.encoder.file
        self._engine = Engine(path, spec.encoder, provider=provider, threads=threads)
        self._engine.warm_up()

    def __call__(self, crop: Image) -> Floats:
        """uint8 [S, S, 3] → float32 [dim]."""
        (feature,) = self._engine(**{self.spec.encoder.inputs[0].name: normalised(crop, self.spec)})
        return np.asarray(feature[0], np.float32)


def encoder_from(
    path: Path,
    bundle: Bundle,
    given: ImageOptions | None = None,
    *,
    any_extractor: bool = False,
    provider: str = "cpu",
    threads: int = 1,
) -> ImageEncoder:
    """An exported encoder in place of the bundle's; ``given`` describes one that has no card.

    Raises BundleError when the bundle has no image branch, or learnt from vectors of another width, size,
    token or, unless ``any_extractor``, extractor; ModelError when the file and its card are none.
    """
    found, extractor = read_encoder(path, given or ImageOptions())
    learnt = bundle.manifest.image
    if learnt is None:
        raise BundleError(
            f"{bundle.folder}: expected a bundle with an image branch for --image, found one without; "
            "leave the option out."
        )
    if not card_file(path).is_file():  # nobody says which token it is: the vector's width must do
        found = msgspec.structs.replace(found, token=learnt.token)
    for what, expected, got in (
        ("vectors of width", learnt.dim, found.dim),
        ("portraits of side", learnt.size, found.size),
        ("token", learnt.token, found.token),
    ):
        if expected != got:
            raise BundleError(
                f"{bundle.folder}: expected image {what} {expected}, which it was trained on, found {got} "
                f"from {path.name}; export an encoder like that of its training."
            )
    trained = bundle.manifest.extractors.get("image")
    if trained is not None and trained != extractor and not any_extractor:
        raise BundleError(
            f"{bundle.folder}: expected image vectors of {trained.name} (sha256 {trained.sha256[:12]}), "
            f"which it was trained on, found {extractor.name} (sha256 {extractor.sha256[:12]}); "
            "export that encoder or pass --any-extractor."
        )
    return ImageEncoder(path.parent, found, provider=provider, threads=threads)


def read_encoder(path: Path, given: ImageOptions) -> tuple[ImageInput, Extractor]:
    """What to feed an encoder and whose vectors it gives, by its card or, where it has none, by ``given``.

    Raises ModelError for a file that is none or that nothing describes, UsageError where both do.
    """
    if is_bare(path, given):
        return bare_input(path, given)
    card = card_of(path, "image")
    return input_of(path, card), card.extractor


def input_of(path: Path, card: Card) -> ImageInput:
    """An encoder's card in the manifest's terms. Raises ModelError for another network's."""
    outputs, before = card.graph.outputs, card.preprocessing
    if len(outputs) != 1 or len(outputs[0].shape) != 2 or before is None or card.token is None:
        raise ModelError(
            f"{path}: expected an image encoder with one vector [1, D] out, found "
            f"{[t.shape for t in outputs]}; export one with `undertone-export frontends image`."
        )
    return ImageInput(
        encoder=msgspec.structs.replace(card.graph, file=path.name),
        size=before.width,
        mean=before.mean,
        std=before.std,
        dim=outputs[0].shape[1],
        token=card.token,
    )
