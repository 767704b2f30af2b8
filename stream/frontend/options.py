"""The options of the front end, in a module of their own so that the command line loads no networks."""

from dataclasses import dataclass, field
from pathlib import Path

from stream.branches.options import ImageOptions
from stream.errors import UsageError


@dataclass(frozen=True, slots=True)
class FrontEndOptions:
    """Which networks the front end runs.

    Raises UsageError for an unknown name, and for a model file without its name or vice versa.
    """

    detector: str = "pose"  # or yolo
    keypoints: str = "holistic"  # or wholebody
    detector_model: Path | None = None  # ONNX file with its card
    keypoints_model: Path | None = None  # ONNX file
    image: Path | None = None  # image encoder instead of the bundle's: ONNX file
    encoding: ImageOptions = field(default_factory=ImageOptions)  # of an image encoder without a card

    def __post_init__(self) -> None:
        if self.image is None and self.encoding != ImageOptions():
            raise UsageError(
                "--image-size: expected it and its like with --image, found them alone; give --image too."
            )
        _check("detector", self.detector, "pose", "yolo", self.detector_model)
        _check("keypoints", self.keypoints, "holistic", "wholebody", self.keypoints_model)


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
