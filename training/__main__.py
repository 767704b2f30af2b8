"""``undertone-training``: from a recipe to a bundle, and the built-in demo from nothing."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from stream.errors import UndertoneError
from training.corpus.commands import app as corpus_app

app = typer.Typer(
    name="undertone-training",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(corpus_app, name="corpus")

RecipeArgument = Annotated[str, typer.Argument(help="Recipe by name (tiny, demo, paper) or a TOML file.")]
OutOption = Annotated[Path, typer.Option("--out", help="Directory of the run: checkpoints and log.")]
FilmsOption = Annotated[
    Path | None,
    typer.Option(
        "--films", help="Directory of recordings through the real keypoint chain.", show_default=False
    ),
]
EncoderOption = Annotated[
    Path | None,
    typer.Option(
        "--encoder",
        help="Directory of the portrait encoder.",
        show_default=False,
    ),
]


@app.callback()
def root() -> None:
    """Train the fused model on made-up people and deliver it as a bundle."""


@app.command()
def run(
    recipe: RecipeArgument, out: OutOption, films: FilmsOption = None, encoder: EncoderOption = None
) -> None:
    """Both stages and the calibration.

    Example: undertone-training run tiny --out runs/tiny
    """
    from training import config, runs

    chosen = config.load(recipe)
    sources = runs.sources(chosen, out, films, encoder)
    checkpoint = runs.run(chosen, out, sources)
    _say(checkpoint.about["figures"])


@app.command()
def pretrain(
    recipe: RecipeArgument, out: OutOption, films: FilmsOption = None, encoder: EncoderOption = None
) -> None:
    """Stage 1: every branch alone.

    Example: undertone-training pretrain tiny --out runs/tiny
    """
    from training import config, runs

    chosen = config.load(recipe)
    runs.run_pretrain(chosen, out, runs.sources(chosen, out, films, encoder))
    typer.echo(f"{out / runs.PRETRAINED}: stage 1 done")


@app.command()
def finetune(
    folder: Annotated[Path, typer.Argument(help="Directory of a run after stage 1.")],
    films: FilmsOption = None,
    encoder: EncoderOption = None,
) -> None:
    """Stage 2 and calibration, from what stage 1 left.

    Example: undertone-training finetune runs/tiny
    """
    from training import checkpoint, runs

    first = checkpoint.load(folder / runs.PRETRAINED)
    sources = runs.sources(first.recipe, folder, films, encoder)
    corpus = runs.build_corpus(first.recipe, first.tokenizer, sources)
    _say(runs.run_finetune(first, corpus, folder).about["figures"])


@app.command()
def deliver(
    folder: Annotated[Path, typer.Argument(help="Directory of a run or of its checkpoint.")],
    out: Annotated[Path, typer.Option("--out", help="Directory of the bundle to write.")],
    encoder: EncoderOption = None,
) -> None:
    """Export every branch to ONNX, hold each graph against its module, and write the bundle.

    Example: undertone-training deliver runs/tiny --out runs/tiny/bundle
    """
    from training import runs
    from training.deliver import deliver_run

    checkpoint = runs.resume(folder)
    command = f"undertone-training run {checkpoint.recipe.name}; undertone-training deliver"
    typer.echo(deliver_run(checkpoint, out, encoder or folder / runs.ENCODER, command))


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="The bundle.")] = Path("stream/assets/demo"),
    work: Annotated[Path, typer.Option("--work", help="Films, encoder, checkpoints; reused.")] = Path(
        "runs/demo"
    ),
    count: Annotated[int, typer.Option("--count", min=2, help="Films of warped people.")] = 56,
) -> None:
    """Rebuild the demo bundle from nothing: portrait encoder, films, both stages, delivery. About two hours.

    Example: undertone-training demo
    """
    from training.demo import rebuild

    typer.echo(rebuild(out, work, count))


def _say(figures: list[dict[str, float | str]]) -> None:
    for row in figures:
        typer.echo("  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()))


def main() -> None:
    """Entry point: every expected error is one sentence on stderr and a non-zero exit."""
    try:
        app()
    except UndertoneError as error:
        typer.echo(f"undertone-training: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
