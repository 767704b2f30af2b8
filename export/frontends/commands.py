"""``undertone-export frontends``: the front end's networks in ONNX, each with its card."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from export.frontends.extras import TRAINING, require
from stream.bundle.model_card import Card, card_file
from stream.errors import UsageError

frontends = typer.Typer(
    help="Export the front end's networks to ONNX, each with a model card and golden outputs.",
    no_args_is_help=True,
)

OutOption = Annotated[Path, typer.Option(help="Directory to write the model and its card to.")]
PrecisionOption = Annotated[str, typer.Option(help="fp32, or fp16 baked into the graph.")]


@frontends.command()
def detector(
    source: Annotated[
        str, typer.Argument(help="ultralytics checkpoint: a .pt file, a released name, or a model's .yaml.")
    ] = "yolo11x.pt",
    out: OutOption = Path("models"),
    size: Annotated[str, typer.Option(help="Input: a side, or WIDTHxHEIGHT, in multiples of 32.")] = "640",
    precision: PrecisionOption = "fp32",
) -> None:
    """Person detector for `undertone watch --detector yolo` (extra `yolo`, AGPL-3.0).

    A released name is downloaded. A checkpoint is a pickle: it is read with a restricted loader, but still
    use only checkpoints from a publisher you trust.

    Examples:

      undertone-export frontends detector yolo11x.pt --size 640x384

      undertone-export frontends detector weights/mine.pt --precision fp16
    """
    require(*TRAINING)
    from export.frontends.detector import export_detector

    _print_card(out, export_detector(source, out, size=_size(size), precision=_precision(precision)))


@frontends.command()
def image(
    source: Annotated[
        str, typer.Argument(help="DINOv2 weights: a hub name or a folder with safetensors.")
    ] = "facebook/dinov2-base",
    out: OutOption = Path("models"),
    size: Annotated[int, typer.Option(help="Side of the portrait, a multiple of 14.")] = 518,
    token: Annotated[str, typer.Option(help="cls, or mean of the patches.")] = "cls",
    precision: PrecisionOption = "fp32",
) -> None:
    """DINOv2 image encoder for `undertone watch --image`.

    Examples:

      undertone-export frontends image facebook/dinov2-small --size 224

      undertone-export frontends image weights/dinov2-base --precision fp16
    """
    require(*TRAINING)
    from export.frontends.image import export_image

    card = export_image(source, out, size=size, token=_token(token), precision=_precision(precision))
    _print_card(out, card)


@frontends.command()
def bert(
    source: Annotated[
        str, typer.Argument(help="BERT weights: a hub name or a folder with safetensors and tokenizer.json.")
    ] = "bert-base-uncased",
    out: OutOption = Path("models"),
    length: Annotated[
        int, typer.Option(help="Word pieces; shorter texts are masked, longer ones cut.")
    ] = 256,
    token: Annotated[str, typer.Option(help="mean of the valid pieces, or cls.")] = "mean",
    precision: PrecisionOption = "fp32",
) -> None:
    """Pretrained BERT text encoder and its tokenizer. A bundle brings its own.

    Example:

      undertone-export frontends bert bert-base-uncased --length 128
    """
    require(*TRAINING)
    from export.frontends.text import export_text

    card = export_text(source, out, length=length, token=_token(token), precision=_precision(precision))
    _print_card(out, card)


@frontends.command()
def wholebody(
    source: Annotated[str, typer.Argument(help="RTMW or DWPose file in ONNX.")],
    out: OutOption = Path("models"),
) -> None:
    """Whole-body keypoints for `undertone watch --keypoints wholebody`: the unchanged file, with a card.

    Example:

      undertone-export frontends wholebody dw-ll_ucoco_384.onnx
    """
    require(*TRAINING)
    from export.frontends.wholebody import export_wholebody

    _print_card(out, export_wholebody(source, out))


def _print_card(out: Path, card: Card) -> None:
    place = out / card.file
    typer.echo(f"{place}: {card.size / 1e6:.1f} MB, opset {card.opset}, {card.precision}")
    typer.echo(f"{card_file(place)}: its card")
    if card.parity is not None:
        typer.echo(
            f"equal to the network on {card.parity.cases} inputs other than the traced ones: relative error "
            f"{card.parity.relative:.1e}, cosine {card.parity.cosine:.6f} (CPU)"
        )


def _size(text: str) -> tuple[int, int]:
    sides = text.lower().split("x")
    if len(sides) not in (1, 2) or not all(side.isdigit() for side in sides):
        raise UsageError(f"--size: expected a side or WIDTHxHEIGHT, found {text!r}; give e.g. 640x384.")
    return int(sides[0]), int(sides[-1])


def _precision(text: str) -> Literal["fp32", "fp16"]:
    if text == "fp32":
        return "fp32"
    if text == "fp16":
        return "fp16"
    raise UsageError(f"--precision: expected fp32 or fp16, found {text!r}; choose one of these.")


def _token(text: str) -> Literal["cls", "mean"]:
    if text == "cls":
        return "cls"
    if text == "mean":
        return "mean"
    raise UsageError(f"--token: expected cls or mean, found {text!r}; choose one of these.")
