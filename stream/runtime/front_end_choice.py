"""Which networks the front end runs: the embedded ones, or models that `undertone-export frontends` wrote."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stream.branches.image import ImageEncoder, input_of
from stream.bundle.manifest import Extractor
from stream.bundle.model_card import Kind, card_file, card_of
from stream.errors import UsageError
from stream.frontend.front_end import FrontEnd
from stream.frontend.mediapipe import embedded
from stream.frontend.mediapipe.embedded import EXTRACTOR
from stream.frontend.onnx_models.wholebody import WholeBody, extractor_of
from stream.frontend.onnx_models.yolo import YoloDetector
from stream.verify import gate, model_parity


@dataclass(frozen=True, slots=True)
class Choice:
    """The options of the front end; raises UsageError for an unknown name or a model too few or too many."""

    detector: str = "pose"
    keypoints: str = "holistic"
    detector_model: Path | None = None
    keypoints_model: Path | None = None
    image: Path | None = None

    def __post_init__(self) -> None:
        _check("detector", self.detector, "pose", "yolo", self.detector_model)
        _check("keypoints", self.keypoints, "holistic", "wholebody", self.keypoints_model)

    @property
    def extractor(self) -> Extractor:
        """Whose points these are. Raises ModelError when their file is missing."""
        return EXTRACTOR if self.keypoints_model is None else extractor_of(self.keypoints_model)

    def prove(self, provider: str, say: Callable[[str], None], *, threads: int = 2) -> None:
        """Refuse a model that does not reproduce its golden outputs on the provider: `stream.verify.gate`.

        Whole-body points of a file without a card are taken as they are on the CPU, and nowhere else.
        """
        given: tuple[tuple[Path | None, Kind], ...] = (
            (self.detector_model, "detector"),
            (self.keypoints_model, "keypoints"),
            (self.image, "image"),
        )
        for path, kind in given:
            bare = kind == "keypoints" and path is not None and not card_file(path).is_file()
            if path is not None and not (bare and provider == "cpu"):
                gate.require(model_parity.opened(path, kind), provider, say, threads=threads)

    def build(self, *, provider: str = "cpu", threads: int = 2) -> FrontEnd:
        """The front end; the embedded networks run on the CPU whatever the provider. Raises ModelError."""
        found = self.detector_model
        detector = YoloDetector(found, provider=provider, threads=threads) if found else None
        points = self.keypoints_model
        keypoints = WholeBody(points, provider=provider, threads=threads) if points else None
        return embedded.from_cache(threads, detector=detector, keypoints=keypoints)

    def encoder(self, *, provider: str = "cpu", threads: int = 1) -> ImageEncoder | None:
        """The image encoder, if one was given, as its card says. Raises ModelError for another model."""
        if self.image is None:
            return None
        spec = input_of(self.image, card_of(self.image, "image"))
        return ImageEncoder(self.image.parent, spec, provider=provider, threads=threads)


def _check(option: str, chosen: str, embedded: str, other: str, model: Path | None) -> None:
    if chosen not in (embedded, other):
        raise UsageError(
            f"--{option}: expected {embedded} or {other}, found {chosen!r}; choose one of these."
        )
    if chosen == other and model is None:
        raise UsageError(
            f"--{option} {other}: expected its file as --{option}-model, found none; give the ONNX file."
        )
    if chosen == embedded and model is not None:
        raise UsageError(
            f"--{option}-model: expected it with --{option} {other}, found --{option} {embedded}; "
            "give both or neither."
        )
