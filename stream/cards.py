"""Model cards: what must be known of an exported front-end model, in JSON beside its ONNX file.

`undertone-export frontends` writes them; whoever uses the model reads what to feed it, and is refused a file
that is not the one the card speaks of.
"""

from pathlib import Path
from typing import Literal

import msgspec

from stream.contract import Extractor, Graph, Record, sha256_of
from stream.errors import ModelError

SCHEMA = 1
Kind = Literal["detector", "image", "text", "keypoints"]


class Preprocessing(Record, frozen=True, kw_only=True):
    """From RGB uint8 to the network's input."""

    resize: Literal["letterbox", "stretch", "affine"]
    width: int  # pixels
    height: int
    mean: tuple[float, float, float]  # of RGB in 0..1
    std: tuple[float, float, float]
    note: str  # the same in words


class Parity(Record, frozen=True, kw_only=True):
    """How equal the graph is to the network it came from, on inputs that were not traced."""

    cases: int
    relative: float  # largest ‖found − expected‖ / ‖expected‖
    cosine: float  # smallest
    provider: str = "cpu"


class Card(Record, frozen=True, kw_only=True):
    """``NAME.json`` beside ``NAME.onnx``."""

    schema: int = SCHEMA
    kind: Kind
    file: str  # beside the card
    sha256: str
    size: int  # bytes
    source: str  # the name or file that it was made from
    extractor: Extractor  # what is compared with the one that a bundle was trained on: the source's weights
    licence: str
    graph: Graph
    preprocessing: Preprocessing | None = None  # none for text
    person: int | None = None  # class of a person, of a detector
    token: Literal["cls", "mean"] | None = None  # what an image or text vector is
    tokenizer: str | None = None  # file beside the card, of a text encoder
    opset: int
    precision: Literal["fp32", "fp16"]
    parity: Parity | None = None  # none for a file that was taken as it is
    tools: dict[str, str]  # versions
    created: str  # ISO date


def card_file(path: Path) -> Path:
    """Where the card of a model file lies."""
    return path.with_suffix(".json")


def read(path: Path) -> Card:
    """The card in a JSON file. Raises ModelError when there is none that reads."""
    try:
        card = msgspec.json.decode(path.read_bytes(), type=Card)
        if card.schema != SCHEMA:
            raise msgspec.ValidationError(f"schema {card.schema}")
        return card
    except OSError as error:
        raise ModelError(
            f"{path}: expected the model's card beside it, found none ({error.strerror}); "
            "give a model that `undertone-export frontends` wrote, with its card."
        ) from error
    except msgspec.MsgspecError as error:
        raise ModelError(
            f"{path}: expected a model card of schema {SCHEMA}, found something else ({error}); "
            "export the model again with `undertone-export frontends`."
        ) from error


def card_of(path: Path, kind: Kind) -> Card:
    """The card beside a model file, held against it. Raises ModelError when they do not belong together."""
    if not path.is_file():
        raise ModelError(
            f"{path}: expected an ONNX file, found none; export one with `undertone-export frontends`."
        )
    card = read(card_file(path))
    if card.kind != kind:
        raise ModelError(
            f"{path}: expected a model for {kind}, found one for {card.kind}; "
            "give one that `undertone-export frontends` made for it."
        )
    size = path.stat().st_size
    if card.file != path.name or size != card.size or sha256_of(path) != card.sha256:
        raise ModelError(
            f"{path}: expected {card.file} of {card.size} bytes and sha256 {card.sha256[:12]}…, as its card "
            f"says, found another file ({size} bytes); copy both again."
        )
    return card
