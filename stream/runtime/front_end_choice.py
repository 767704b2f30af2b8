"""Which networks the front end runs: the embedded ones, or models that `undertone-export frontends` wrote."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from stream.branches.bare_encoder import is_bare
from stream.branches.image import ImageEncoder, read_encoder
from stream.bundle.manifest import Extractor
from stream.bundle.model_card import Kind, card_file
from stream.frontend.front_end import FrontEnd
from stream.frontend.mediapipe import embedded
from stream.frontend.mediapipe.embedded import EXTRACTOR
from stream.frontend.onnx_models.wholebody import WholeBody, extractor_of
from stream.frontend.onnx_models.yolo import YoloDetector
from stream.frontend.options import FrontEndOptions
from stream.verify import gate, model_parity


@dataclass(frozen=True, slots=True)
class Choice(FrontEndOptions):
    """The options of the front end, and the networks they stand for."""

    @property
    def extractor(self) -> Extractor:
        """Whose points these are. Raises ModelError when their file is missing."""
        return EXTRACTOR if self.keypoints_model is None else extractor_of(self.keypoints_model)

    @property
    def image_extractor(self) -> Extractor | None:
        """Whose image vectors these are, if an encoder was given. Raises ModelError for one that is none."""
        return None if self.image is None else read_encoder(self.image, self.encoding)[1]

    def prove(self, provider: str, say: Callable[[str], None], *, threads: int = 2) -> None:
        """Refuse a model that does not reproduce its golden outputs on the provider: `stream.verify.gate`.

        Whole-body points and image vectors of a file without a card are taken as they are on the CPU, and
        nowhere else.
        """
        if self.image is not None:
            is_bare(self.image, self.encoding)
        given: tuple[tuple[Path | None, Kind], ...] = (
            (self.detector_model, "detector"),
            (self.keypoints_model, "keypoints"),
            (self.image, "image"),
        )
        for path, kind in given:
            bare = kind != "detector" and path is not None and not card_file(path).is_file()
            if path is not None and not (bare and provider == "cpu"):
                gate.require(model_parity.open_model(path, kind), provider, say, threads=threads)

    def build(self, *, provider: str = "cpu", threads: int = 2) -> FrontEnd:
        """The front end; the embedded networks run on the CPU whatever the provider. Raises ModelError."""
        found = self.detector_model
        detector = YoloDetector(found, provider=provider, threads=threads) if found else None
        points = self.keypoints_model
        keypoints = WholeBody(points, provider=provider, threads=threads) if points else None
        return embedded.from_cache(threads, detector=detector, keypoints=keypoints)

    def encoder(self, *, provider: str = "cpu", threads: int = 1) -> ImageEncoder | None:
        """The image encoder, if one was given, as its card or the options say. Raises ModelError for another
        model."""
        if self.image is None:
            return None
        spec, _ = read_encoder(self.image, self.encoding)
        return ImageEncoder(self.image.parent, spec, provider=provider, threads=threads)


def chosen(options: FrontEndOptions) -> Choice:
    """The networks that the options stand for."""
    return Choice(**{each.name: getattr(options, each.name) for each in fields(FrontEndOptions)})
