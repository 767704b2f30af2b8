"""The commands that measure: evaluate, crossval, ablate, noise-study."""

from pathlib import Path
from typing import Annotated, Any

import typer

OutOption = Annotated[Path, typer.Option("--out", help="Directory for predictions, tables and pictures.")]
CorpusOption = Annotated[
    Path | None,
    typer.Option("--corpus", help="A corpus on disk; simulated people without.", show_default=False),
]
StoreOption = Annotated[Path, typer.Option("--corpus", help="A corpus on disk.")]
LabelsOption = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        help="A labeller's folder, its labels.jsonl or audit.csv; corrections count.",
        show_default=False,
    ),
]
TICK = 0.04  # seconds
SeedsOption = Annotated[str, typer.Option("--seeds", help="Seeds, separated by commas.")]


def evaluate(
    runs: Annotated[list[Path], typer.Argument(help="Directory of a run; several judge as an ensemble.")],
    out: OutOption,
    corpus: CorpusOption = None,
    part: Annotated[str, typer.Option("--part", help="Part of the recipe's split.")] = "test",
    labels: LabelsOption = None,
    people: Annotated[
        int, typer.Option("--people", min=2, help="Simulated people, half of each class.")
    ] = 1000,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=1, help="Length of simulated recordings.")
    ] = None,
    poses: Annotated[
        int | None,
        typer.Option("--poses", min=25, help="Another window length, in ticks, for the same weights."),
    ] = None,
    branches: Annotated[str, typer.Option("--branches", help="Branches to use.")] = "keypoints,image,text",
    prior: Annotated[float | None, typer.Option("--prior", help="Share of wins to assume.")] = None,
    quantile: Annotated[
        float | None,
        typer.Option("--quantile", help="Also call this share of the surest wins (transductive)."),
    ] = None,
    curve: Annotated[
        str, typer.Option("--curve", help="Seconds watched of the anytime curve.")
    ] = "5,10,30,60,160",
) -> None:
    """Predictions, a table with intervals, reliability and the anytime curve on people nobody trained on.

    Example: undertone-training evaluate runs/small --out runs/small/report
    """
    from training.corpus.store import Store
    from training.labelling.labels import read
    from training.studies import panel as judging
    from training.studies.report import Test
    from training.studies.report import evaluate as report

    _share("--prior", prior)
    _share("--quantile", quantile)
    chosen, moments = _names(branches), _curve(curve)
    members = judging.members(runs)
    members = [judging.with_window(m, poses) for m in members] if poses else members
    recipe = members[0].recipe
    panel = judging.Panel(members, chosen, prior)
    if corpus is not None:
        store = Store.open(corpus)
        split, simulated = recipe.splitting.split, store.index.simulated
        told = read(labels) if labels else None
        if told is None and "text" in chosen:
            _own_texts(members)
        asked = judging.stored_people(store, store.ids(split, part), members[0], told)
        title = f"{recipe.name} on {store.index.name}, {split}/{part}"
        title += ", people whom the run learnt from" if part == "train" else ""
        disjoint = store.index.splits[split].subject_disjoint
        lasting = max(e.seconds for e in store.index.entries)
    else:
        lasting = seconds or recipe.window.poses / recipe.window.rate
        asked = judging.made_up_people(members[0], people, lasting)
        title = f"{recipe.name} on {people} simulated people of {lasting:g} s"
        simulated = disjoint = True
    watched = tuple(s for s in moments if s <= lasting)
    # What a run says of people whom it learnt from, if only under pseudo-labels, is another kind of figure.
    known = corpus is not None and any(m.about.get("setting") == "transductive" for m in members)
    wins = members[0].about.get("wins")
    test = Test(title, disjoint, simulated, wins, watched, quantile, transductive=known)
    for name, found in report(panel, asked, test, out).items():
        typer.echo(f"{name.replace('_', ' ')} {found.value:.3f} [{found.low:.3f}, {found.high:.3f}]")
    typer.echo(out / "table.md")


def crossval(
    recipe: Annotated[str, typer.Argument(help="Recipe by name or a TOML file.")],
    corpus: StoreOption,
    out: OutOption,
    folds: Annotated[int, typer.Option("--folds", min=2)] = 5,
    part: Annotated[
        str | None,
        typer.Option("--part", help="Only this part of the split, e.g. train.", show_default=False),
    ] = None,
    setting: Annotated[str, typer.Option("--setting", help="inductive or transductive.")] = "inductive",
    labels: LabelsOption = None,
) -> None:
    """Subject-disjoint K-fold cross-validation; finished folds are read, a killed one goes on.

    Example: undertone-training crossval tiny --corpus corpora/made-up --out runs/crossval
    """
    from training import config
    from training.corpus.store import Store
    from training.data.materials import setting_of
    from training.labelling.labels import read
    from training.studies.crossval import crossval as validate

    said = read(labels) if labels else None
    chosen, store = config.load(recipe), Store.open(corpus)
    validate(chosen, store, folds, out, setting_of(setting), said, part)
    typer.echo((out / "table.md").read_text())


def ablate(
    table: Annotated[str, typer.Argument(help="spatial, image or training.")],
    corpus: StoreOption,
    out: OutOption,
    recipe: Annotated[str, typer.Option("--recipe", help="Recipe by name or a TOML file.")] = "ablation",
    seeds: SeedsOption = "0,1,2",
    setting: Annotated[str, typer.Option("--setting", help="inductive, transductive or both.")] = "inductive",
    labels: LabelsOption = None,
) -> None:
    """One of the paper's three tables on any corpus, over several seeds; may be stopped and started again.

    Example: undertone-training ablate training --corpus corpora/imigue --out runs/ablate --recipe paper
    """
    from training.data.materials import setting_of
    from training.studies.ablation import ablate as study

    settings = ("inductive", "transductive") if setting == "both" else (setting_of(setting),)
    from training import config

    study(table, config.load(recipe), _ground(corpus, labels), _seeds(seeds), out, settings, typer.echo)
    typer.echo((out / f"{table}.md").read_text())


def noise_study(
    corpus: StoreOption,
    out: OutOption,
    recipe: Annotated[str, typer.Option("--recipe", help="Recipe by name or a TOML file.")] = "ablation",
    seeds: SeedsOption = "0,1,2",
) -> None:
    """Accuracy of the final model against the accuracy, number, form and kind of error of pseudo-labels.

    Example: undertone-training noise-study --corpus corpora/made-up --out runs/noise
    """
    from training import config
    from training.studies.noise_study import RESULTS, study

    study(config.load(recipe), _ground(corpus, None), _seeds(seeds), out, typer.echo)
    typer.echo(out / RESULTS)


def curves(
    folder: Annotated[Path, typer.Argument(help="Directory of a run.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="PNG; in the run by default.", show_default=False)
    ] = None,
) -> None:
    """Draw a run's learning curves.

    Example: undertone-training curves runs/tiny
    """
    from stream.errors import UsageError
    from training.evaluation.plots import learning_curves
    from training.learning.log import read
    from training.learning.runs import CURVES, LOG

    if not (folder / LOG).is_file():
        raise UsageError(f"{folder}: expected a run with {LOG}, found none; give the directory of a run.")
    target = out or folder / CURVES
    learning_curves(target, read(folder / LOG))
    typer.echo(target)


def _ground(corpus: Path, labels: Path | None) -> Any:
    from training.corpus.store import Store
    from training.labelling.labels import read
    from training.studies.cells import Ground

    return Ground(Store.open(corpus), read(labels) if labels else None)


def _own_texts(members: Any) -> None:
    """UsageError where a run that learnt to read a labeller's words would be asked about other people's."""
    from stream.errors import UsageError

    for member in members:
        if "text" in member.about["branches"] and member.about.get("told", {}).get("texts"):
            raise UsageError(
                f"{member.recipe.name}: expected --labels with descriptions by the labeller it learnt from, "
                "found none; give them, or leave text out of --branches."
            )


def _names(text: str) -> tuple[str, ...]:
    from stream.bundle.manifest import BRANCHES
    from stream.errors import UsageError

    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names or set(names) - set(BRANCHES):
        raise UsageError(f"expected --branches some of {', '.join(BRANCHES)}, found {text!r}; correct it.")
    return names


def _curve(text: str) -> tuple[float, ...]:
    """Seconds of an anytime curve, ascending; none for an empty text."""
    from stream.errors import UsageError

    try:
        found = sorted({float(part) for part in text.split(",") if part.strip()})
    except ValueError:
        found = [0.0]
    if found and not found[0] >= TICK:
        raise UsageError(
            f"expected --curve as seconds (from {TICK:g}) separated by commas, found {text!r}; correct it."
        )
    return tuple(found)


def _share(name: str, value: float | None) -> None:
    from stream.errors import UsageError

    if value is not None and not 0 < value < 1:
        raise UsageError(f"expected {name} between 0 and 1, both excluded, found {value:g}; correct it.")


def _seeds(text: str) -> tuple[int, ...]:
    from stream.errors import UsageError

    try:
        found = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        found = ()
    if not found or min(found) < 0 or len(set(found)) < len(found):
        raise UsageError(
            f"expected --seeds as different whole numbers from 0, separated by commas, found {text!r}; "
            "correct it."
        )
    return found
