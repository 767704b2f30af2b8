"""``undertone-training corpus``: import data sets into one format, and report on them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stream.errors import UsageError

if TYPE_CHECKING:
    from training.corpus.readers.importing import Source

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Import data sets into one format on disk, and check them. An interrupted import resumes.",
)

OutOption = Annotated[Path, typer.Option("--out", help="Directory of the corpus.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of our own split by subject.")]
PartialOption = Annotated[
    bool, typer.Option("--partial", help="Some labelled videos are missing; import the others.")
]


@app.command()
def simulate(
    name: Annotated[str, typer.Argument(help="Name of the corpus; its recordings are named after it.")],
    out: OutOption,
    profile: Annotated[
        str, typer.Option("--profile", help="Simulated behaviour: standard, plain or demo.")
    ] = "standard",
    recordings: Annotated[
        int, typer.Option("--recordings", min=0, help="Number of people, one recording each.")
    ] = 300,
    seconds: Annotated[float, typer.Option("--seconds", min=0.04, help="Length of each recording.")] = 100.0,
    seed: Annotated[
        int,
        typer.Option("--seed", min=0, help="Seed of the first person; the others have the following ones."),
    ] = 0,
    shares: Annotated[
        str, typer.Option("--shares", help="Shares of train, validation, test.")
    ] = "0.7,0.15,0.15",
) -> None:
    """Simulate people, half of each class.

    Example:

      undertone-training corpus simulate small --out runs/small --recordings 40 --seconds 60
    """
    from training.simulator import as_corpus

    parts = _shares(shares)
    _import(
        as_corpus.source(
            name, profile=profile, recordings=recordings, seconds=seconds, seed=seed, shares=parts
        ),
        out,
    )


@app.command()
def imigue(
    root: Annotated[Path, typer.Argument(help="Root of the full release, with Label/ in it.")],
    out: OutOption,
    partial: PartialOption = False,
    seed: SeedOption = 0,
) -> None:
    """Import the full iMiGUE release: spreadsheets of 411 columns.

    Example:

      undertone-training corpus imigue data/iMiGUE --out corpora/imigue
    """
    from training.corpus.readers import imigue

    _import(imigue.source(root, partial_release=partial, seed=seed), out)


@app.command()
def miga(
    root: Annotated[Path, typer.Argument(help="Directory above the challenge's skeletons.")],
    labels: Annotated[
        Path, typer.Option("--labels", help="CSV: id, subject, label; or the full release's label file.")
    ],
    out: OutOption,
    partial: PartialOption = False,
    seed: SeedOption = 0,
) -> None:
    """The MiGA challenge's iMiGUE: spreadsheets of 411 columns, or CSV files of 106, without faces.

    Example:

      undertone-training corpus miga data/miga --labels labels.csv --out corpora/miga
    """
    from training.corpus.readers import miga

    _import(miga.source(root, labels, partial_release=partial, seed=seed), out)


@app.command()
def openpose(
    folder: Annotated[Path, typer.Argument(help="Directory given to OpenPose's --write_json.")],
    labels: Annotated[Path, typer.Option("--labels", help="CSV: id, subject, label, optionally text.")],
    out: OutOption,
    rate: Annotated[float, typer.Option("--rate", min=1.0, help="Frames per second of the videos.")] = 25.0,
    licence: Annotated[str, typer.Option("--licence", help="Licence of the recordings.")] = "not stated",
    partial: PartialOption = False,
    seed: SeedOption = 0,
) -> None:
    """Import OpenPose's own output, one directory per video.

    Example:

      undertone-training corpus openpose json --labels labels.csv --out corpora/mine
    """
    from training.corpus.readers import openpose

    source = openpose.source(folder, labels, rate=rate, licence=licence, partial_release=partial, seed=seed)
    _import(source, out)


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="Directory of a corpus.")],
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="PNG to plot the distributions to.", show_default=False)
    ] = None,
) -> None:
    """Report counts, balance, missing ticks, rates, lengths and leaks between splits; exit code 2 for a
    problem.

    Example:

      undertone-training corpus check corpora/imigue --out corpora/imigue.png
    """
    import msgspec

    from training.corpus.check import report, table
    from training.corpus.store import Store

    store = Store.open(folder)
    with _progress("corpus check", len(store.entries)) as step:
        result = report(store, step)
    typer.echo(msgspec.json.encode(result).decode() if json else table(result))
    if out:
        from training.corpus.drawing import draw

        draw(result, out)
    if result.problems:
        raise typer.Exit(2)


def _import(source: "Source", out: Path) -> None:
    from training.corpus.index import listed
    from training.corpus.readers.importing import bring

    with _progress(f"corpus {source.about.name}", len(source.videos)) as step:
        corrected: list[str] = []
        store = bring(source, out, step, corrected.append)
    splits = ", ".join(store.index.splits) or "none, there are too few labelled subjects"
    noted = sum(bool(entry.note) for entry in store.index.entries)
    typer.echo(f"{out}: {len(store.entries)} recordings, {noted} with a note; splits: {splits}")
    if corrected:
        typer.echo(
            f"{len(corrected)} made again, their subject, result or text was corrected: {listed(corrected)}"
        )


@contextmanager
def _progress(title: str, total: int) -> Iterator[Callable[[str], None]]:
    """A progress bar on stderr; yields a function to call with the name of each finished step."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=total)
        yield lambda name: progress.update(task, advance=1, description=f"{title} {name}")


def _shares(text: str) -> dict[str, float]:
    try:
        values = [float(word) for word in text.split(",")]
        shares = dict(zip(("train", "validation", "test"), values, strict=True))
        if not (abs(sum(values) - 1) < 1e-6 and min(values) > 0):
            raise ValueError
        return shares
    except ValueError as error:
        raise UsageError(
            f"--shares: expected three shares that add up to 1, such as 0.7,0.15,0.15, found {text!r}; "
            "correct them."
        ) from error
