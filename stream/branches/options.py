"""How to feed an image encoder that has no card, for a command line that loads nothing yet."""

import math
from dataclasses import dataclass

from stream.errors import UsageError

Three = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """Preprocessing of an ONNX file without a card. Raises UsageError for values that are none.

    Mean and deviation are of RGB in 0..1, by default ImageNet's.
    """

    image_size: int | None = None  # pixels of the square portrait
    image_mean: str = "0.485,0.456,0.406"
    image_std: str = "0.229,0.224,0.225"
    image_layout: str = "nchw"  # or nhwc

    def __post_init__(self) -> None:
        if self.image_layout not in ("nchw", "nhwc"):
            raise UsageError(
                f"--image-layout: expected nchw or nhwc, found {self.image_layout!r}; choose one of these."
            )
        _three("--image-mean", self.image_mean)
        if min(_three("--image-std", self.image_std)) <= 0:
            raise UsageError(f"--image-std: expected numbers above 0, found {self.image_std}; correct them.")

    @property
    def mean(self) -> Three:
        return _three("--image-mean", self.image_mean)

    @property
    def std(self) -> Three:
        return _three("--image-std", self.image_std)


def _three(option: str, text: str) -> Three:
    try:
        red, green, blue = (float(word) for word in text.split(","))
        if not all(map(math.isfinite, (red, green, blue))):
            raise ValueError
    except ValueError as error:
        raise UsageError(
            f"{option}: expected three numbers such as 0.485,0.456,0.406, found {text!r}; correct it."
        ) from error
    return red, green, blue
