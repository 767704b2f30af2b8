"""``undertone-export``: write an untrained bundle, check a bundle."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from stream.contract import Window, load
from stream.errors import UndertoneError

app = typer.Typer(
    name="undertone-export",
    help="Turn trained networks into bundles and prove them equal.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def root() -> None:
    """Turn trained networks into bundles and prove them equal."""


@app.command()
def untrained(
    out: Annotated[Path, typer.Argument(help="Directory of the bundle to write.")],
    poses: Annotated[int, typer.Option(min=1, help="Pose slots, one a tick.")] = 4000,
    features: Annotated[int, typer.Option(min=1, help="Image feature slots.")] = 800,
    dim: Annotated[int, typer.Option(min=2, help="Width of every network.")] = 32,
    seed: Annotated[int, typer.Option(help="Seed of the random weights.")] = 0,
    image: Annotated[bool, typer.Option(help="Include the image branch.")] = True,
    text: Annotated[bool, typer.Option(help="Include the text branch.")] = True,
) -> None:
    """Write a bundle of random weights, to build and test the live chain on.

    Example: undertone-export untrained runs/untrained --poses 500 --features 100
    """
    from export.untrained import write_untrained

    window = Window(poses=poses, features=features)
    folder = write_untrained(out, window, dim=dim, seed=seed, image=image, text=text)
    typer.echo(f"{folder}: untrained bundle written and verified")


@app.command()
def check(bundle: Annotated[Path, typer.Argument(help="Directory of a bundle.")]) -> None:
    """Verify a bundle: hashes, tensor shapes, and that every graph runs without NaN on an empty window.

    Example: undertone-export check stream/assets/demo
    """
    from export.inspection import inspect

    for line in inspect(load(bundle)):
        typer.echo(line)


def main() -> None:
    """Entry point: every expected error is one sentence on stderr and a non-zero exit."""
    try:
        app()
    except UndertoneError as error:
        typer.echo(f"undertone-export: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
