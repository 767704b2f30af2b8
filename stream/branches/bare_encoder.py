"""An image encoder's ONNX file, with a card beside it or with its preprocessing given by hand."""

from pathlib import Path

from stream.branches.options import ImageOptions
from stream.bundle import external_data
from stream.bundle.manifest import Extractor, ImageInput
from stream.bundle.model_card import card_file
from stream.errors import ModelError, UsageError
from stream.files import sha256_of
from stream.inference.engine import Engine


def is_bare(path: Path, given: ImageOptions) -> bool:
    """Whether the file has no card and is described by options instead.

    Raises ModelError for a missing file or where there is neither, UsageError where there are both.
    """
    card, options = card_file(path), given != ImageOptions()
    if not path.is_file():
        raise ModelError(
            f"{path}: expected an ONNX file, found none; export one with `undertone-export frontends`."
        )
    if card.is_file() and options:
        raise UsageError(
            f"{path}: expected its card {card.name} or options such as --image-size, found both; leave the "
            "options out."
        )
    if not card.is_file() and given.image_size is None:
        raise ModelError(
            f"{path}: expected the model's card {card.name} beside it or its preprocessing as --image-size "
            "(and --image-mean, --image-std, --image-layout), found neither; give one of these."
        )
    return not card.is_file()


def bare_input(path: Path, given: ImageOptions) -> tuple[ImageInput, Extractor]:
    """What to feed a file without a card, and whose vectors these are: the file's own.

    Raises ModelError for a network that does not take such portraits or gives no single vector.
    """
    external_data.check(path, path.parent)
    graph, side = Engine(path).graph, given.image_size or 0
    shape = (1, 3, side, side) if given.image_layout == "nchw" else (1, side, side, 3)
    found = [tensor.shape for tensor in graph.inputs]
    if found != [shape]:
        raise ModelError(
            f"{path}: expected an input {list(shape)}, as --image-size and --image-layout say, found "
            f"{', '.join(str(list(s)) for s in found)}; correct the options or give another model."
        )
    if len(graph.outputs) != 1 or len(graph.outputs[0].shape) != 2:
        raise ModelError(
            f"{path}: expected an image encoder with one vector [1, D] out, found "
            f"{[t.shape for t in graph.outputs]}; export one with `undertone-export frontends image`."
        )
    spec = ImageInput(encoder=graph, size=side, mean=given.mean, std=given.std, dim=graph.outputs[0].shape[1])
    return spec, Extractor(name=path.stem, sha256=sha256_of(path))
