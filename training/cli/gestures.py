"""``undertone-training gestures``: micro-gesture recognition, from people to tables and files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from training.gestures.recipe import GestureRecipe
    from training.gestures.runs.materials import Materials

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Micro-gestures: train the branches, let them teach each other, measure, deliver.",
)

RecipeArgument = Annotated[str, typer.Argument(help="gestures-tiny, gestures-full or a TOML file.")]
RunArgument = Annotated[Path, typer.Argument(help="Directory of a run of `gestures train`.")]
OutOption = Annotated[Path, typer.Option("--out", help="Directory of the run.")]
CorpusOption = Annotated[
    Path | None,
    typer.Option("--corpus", help="A corpus with gestures in place of made-up people.", show_default=False),
]
VideosOption = Annotated[
    Path | None,
    typer.Option(
        "--videos", help="Folder of the corpus's videos, for the picture branches.", show_default=False
    ),
]
SettingOption = Annotated[
    str,
    typer.Option(
        "--setting",
        help="Which clips get pseudo-labels: inductive (training subjects whose labels are hidden) or "
        "transductive (the test clips).",
    ),
]
SeedOption = Annotated[
    int | None, typer.Option("--seed", min=0, help="In place of the recipe's.", show_default=False)
]


@app.command()
def simulate(
    name: Annotated[str, typer.Argument(help="Name of the corpus; its recordings are named after it.")],
    out: Annotated[Path, typer.Option("--out", help="Directory of the corpus.")],
    people: Annotated[int, typer.Option("--people", min=3, help="Recordings, one a person.")] = 60,
    seconds: Annotated[float, typer.Option("--seconds", min=5.0, help="Length of each.")] = 120.0,
    classes: Annotated[int, typer.Option("--classes", help="How many of the 26 made-up classes.")] = 16,
    share: Annotated[
        float, typer.Option("--share", min=0.05, max=0.95, help="Of the time under gestures.")
    ] = 0.37,
    imbalance: Annotated[
        float, typer.Option("--imbalance", min=1.1, help="Most frequent class over rarest.")
    ] = 150.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the first person.")] = 0,
) -> None:
    """Made-up people who gesture, as a corpus.

    Example: undertone-training gestures simulate made --out corpora/gestures --people 30
    """
    from training.gestures.simulator import as_corpus
    from training.gestures.simulator.catalogue import chosen
    from training.gestures.simulator.scenes import World

    world = World(labels=chosen(classes), imbalance=imbalance, share=share, seconds=seconds)
    with _progress("gestures simulate", people) as step:
        store = as_corpus.write(out, name, world, people, seed, progress=step)
    typer.echo(f"{out}: {len(store.entries)} recordings; splits: {', '.join(store.index.splits) or 'none'}")


@app.command()
def train(
    recipe: RecipeArgument,
    out: OutOption,
    corpus: CorpusOption = None,
    videos: VideosOption = None,
    setting: SettingOption = "inductive",
    seed: SeedOption = None,
) -> None:
    """All branches, their vote, and one round of each other's pseudo-labels. A killed run goes on.

    Example: undertone-training gestures train gestures-tiny --out runs/gestures
    """
    from training.gestures.runs import run as running
    from training.gestures.runs.rounds import setting_of

    kind = setting_of(setting)
    chosen = _recipe(recipe, seed)
    running.run(chosen, _materials(chosen, out, corpus, videos), out, kind, typer.echo)


@app.command()
def evaluate(
    folder: RunArgument,
    out: Annotated[
        Path | None, typer.Option("--out", help="Directory for the table; the run's own.", show_default=False)
    ] = None,
    submission: Annotated[
        Path | None,
        typer.Option("--submission", help="Write Id,Target of the test clips here.", show_default=False),
    ] = None,
    order: Annotated[
        Path | None,
        typer.Option("--list", help="The challenge's CSV whose Ids the submission has.", show_default=False),
    ] = None,
) -> None:
    """The table of a run's branches and votes, with intervals by subject, and a Track 1 submission.

    Example: undertone-training gestures evaluate runs/gestures --submission submission.csv
    """
    from training.gestures.runs.report import report, submit

    typer.echo(report(folder, out or folder))
    if submission is not None:
        typer.echo(f"{submission}: {submit(folder, submission, order)} clips")


@app.command()
def ablate(
    table: Annotated[str, typer.Argument(help="branches, losses, fusion, inputs or pseudo.")],
    out: Annotated[Path, typer.Option("--out", help="Directory of the study; may be stopped and started.")],
    recipe: Annotated[str, typer.Option("--recipe", help="Recipe by name or a TOML file.")] = "gestures-tiny",
    corpus: CorpusOption = None,
    videos: VideosOption = None,
    seeds: Annotated[str, typer.Option("--seeds", help="Seeds, separated by commas.")] = "0,1,2",
    setting: Annotated[str, typer.Option("--setting", help="inductive, transductive or both.")] = "inductive",
) -> None:
    """What each component is worth, over several seeds, with paired intervals by subject.

    Example: undertone-training gestures ablate fusion --out runs/gesture-tables
    """
    from training.cli.evaluate import seeds_of
    from training.gestures.runs import ablation
    from training.gestures.runs.rounds import Setting, setting_of

    both: tuple[Setting, ...] = ("inductive", "transductive")
    kinds = both if setting == "both" else (setting_of(setting),)
    chosen = _recipe(recipe, None)
    ablation.variants_of(table, chosen)  # said before anybody is made
    found = seeds_of(seeds)
    ablation.ablate(
        table, chosen, lambda seeded: _materials(seeded, out, corpus, videos), found, out, kinds, typer.echo
    )
    typer.echo((out / f"{table}.md").read_text())


@app.command()
def deliver(
    folder: RunArgument,
    out: Annotated[Path, typer.Option("--out", help="Directory to write.")],
    corpus: CorpusOption = None,
    videos: VideosOption = None,
) -> None:
    """Every branch as an ONNX graph, held against what was trained, with golden answers.

    Example: undertone-training gestures deliver runs/gestures --out runs/gestures/delivered
    """
    from training.gestures.runs import deliver as delivering
    from training.gestures.runs.run import recipe_of

    delivering.deliver(folder, _materials(recipe_of(folder), folder, corpus, videos), out, typer.echo)


def _recipe(name: str, seed: int | None) -> "GestureRecipe":
    import msgspec

    from training.gestures.recipe import load

    chosen = load(name)
    return chosen if seed is None else msgspec.structs.replace(chosen, seed=seed)


def _materials(recipe: "GestureRecipe", out: Path, corpus: Path | None, videos: Path | None) -> "Materials":
    """From the corpus where one is named, else made-up people beside the run."""
    from stream.errors import UsageError
    from training.corpus.store import Store
    from training.gestures.recipe import PICTURE
    from training.gestures.runs import materials

    if corpus is None and videos is not None:
        raise UsageError("expected --corpus beside --videos, found none; name the corpus of these videos.")
    if corpus is not None:
        found = materials.from_corpus(recipe, Store.open(corpus), out, videos)
    else:
        with _progress("made-up people", recipe.people.count) as step:
            found = materials.from_simulator(recipe, out, step)
    for name in recipe.branches:
        if name in PICTURE:
            with _progress(f"pictures for {name}", len({c.video for c in found.clips})) as step:
                found.cut(getattr(recipe, name), step)
    return found


@contextmanager
def _progress(title: str, total: int) -> Iterator[Callable[[str], None]]:
    """A bar on stderr; what it gives is called with the name of each step that is done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=total)
        yield lambda name: progress.update(task, advance=1, description=f"{title} {name}")
