"""Model cards: what must be known of an exported front-end model, in JSON beside its ONNX file.

`undertone-export frontends` writes them; whoever uses the model reads what to feed it, and is refused a file
that is not the one the card speaks of. Beside both lie golden outputs for the parity gate:
`stream.verify.model_parity`.
"""

from pathlib import Path
from typing import Literal

import msgspec

from stream.bundle import external_data
from stream.bundle.manifest import Extractor, Graph, Record
from stream.errors import BundleError, ModelError
from stream.files import sha256_of

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


class Answered(Record, frozen=True, kw_only=True):
    """A file of golden inputs and answers beside the card."""

    file: str
    sha256: str
    outputs: str  # what said the answers


# As many fields as the file has keys.
class Card(Record, frozen=True, kw_only=True):
    """``NAME.json`` beside ``NAME.onnx``."""

    schema: int = SCHEMA
    kind: Kind
    file: str  # beside the card
    sha256: str
    size: int  # bytes
    weights: dict[str, str] = msgspec.field(default_factory=dict)  # file beside it with weights → sha256
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
    golden: Answered | None = None
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


def card_of(path: Path, kind: Kind | None = None) -> Card:
    """The card beside a model file, held against it; ``kind`` None takes any.

    Raises ModelError when they do not belong together, or where the file keeps weights that its card does not
    know or that lie elsewhere.
    """
    if not path.is_file():
        raise ModelError(
            f"{path}: expected an ONNX file, found none; export one with `undertone-export frontends`."
        )
    card = read(card_file(path))
    if kind is not None and card.kind != kind:
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
    try:
        beside = external_data.check(path, path.parent)
    except BundleError as error:
        raise ModelError(str(error)) from error
    for name in sorted(beside | card.weights.keys()):
        check_beside(path, name, card.weights.get(name, ""))
    return card


def check_beside(path: Path, name: str, sha256: str) -> Path:
    """A file beside the model's that its card names. Raises ModelError for any other."""
    file = path.parent / name
    found = sha256_of(file) if Path(name).name == name and file.is_file() else "none"
    if found != sha256:
        raise ModelError(
            f"{path}: expected {name} beside it with sha256 {sha256[:12] or 'in its card'}…, "
            f"found {found[:12]}; copy all files of the model again."
        )
    return file
