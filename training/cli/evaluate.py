"""The evaluation commands: evaluate, crossval, ablate, noise-study, curves."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stream.cli.parameters import takes
from training.cli.help_texts import HELP, LABELS, SET
from training.cli.options import EvaluateOptions, PeopleOptions

if TYPE_CHECKING:
    from training.data.prepared import Prepared
    from training.learning.checkpoint import Checkpoint
    from training.studies.report import Test

    TestPeople = tuple[Iterator[Prepared], Test, float]

OutOption = Annotated[Path, typer.Option("--out", help="Directory for predictions, tables and plots.")]
StoreOption = Annotated[Path, typer.Option("--corpus", help="A corpus on disk.")]
LabelsOption = Annotated[
    Path | None,
    typer.Option("--labels", help=LABELS, show_default=False),
]
SetOption = Annotated[list[str] | None, typer.Option("--set", help=SET, show_default=False)]
TICK = 0.04  # seconds
SeedsOption = Annotated[str, typer.Option("--seeds", help="Seeds, separated by commas.")]


@takes(EvaluateOptions, HELP)
def evaluate(options: EvaluateOptions) -> None:
    """Evaluate runs on held-out people: predictions, a table with intervals, reliability, the anytime curve.

    Example:

      undertone-training evaluate runs/small --out runs/small/report
    """
    from training.evaluation.intervals import shown
    from training.studies import panel as panels
    from training.studies.report import evaluate as report

    of, by = options.of, options.by
    _share("--prior", by.prior)
    _share("--quantile", by.quantile)
    chosen, moments = _names(by.branches), _curve(by.curve)
    members = panels.members(options.runs)
    members = [panels.with_window(m, by.poses) for m in members] if by.poses else members
    if of.corpus is None:
        people, test, longest_s = _simulated(members[0], of)
    else:
        people, test, longest_s = _stored(members, of, of.corpus, texts="text" in chosen)
    test = replace(test, seconds=tuple(s for s in moments if s <= longest_s), quantile=by.quantile)
    panel = panels.Panel(members, chosen, by.prior)
    for name, figure in report(panel, people, test, options.out).items():
        typer.echo(f"{name.replace('_', ' ')} {shown(figure)}")
    if by.every_s:
        _live_like(options, members, chosen)
    typer.echo(options.out / "table.md")


def _live_like(options: EvaluateOptions, members: "list[Checkpoint]", branches: Sequence[str]) -> None:
    """Predict at regular intervals in each mode that all runs have, and print the table."""
    from training.learning.runs import ring_of
    from training.studies.live_like import markdown, measure
    from training.studies.panel import Panel

    of, by = options.of, options.by
    panels = {"full": Panel(members, branches, by.prior)}
    rings = [ring for folder in options.runs if (ring := ring_of(folder)) is not None]
    if len(rings) == len(members):
        panels["ring"] = Panel(rings, branches, by.prior)
    fewer = replace(of, people=min(of.people, of.live_people))
    if of.corpus is None:
        people = _simulated(members[0], fewer)[0]
    else:
        people = _stored(members, fewer, of.corpus, texts="text" in branches)[0]
    rows = measure(panels, islice(people, of.live_people), options.out, every_s=by.every_s)
    typer.echo(markdown(rows), nl=False)


def _simulated(member: "Checkpoint", of: PeopleOptions) -> "TestPeople":
    """Simulated people, the description of the test set, and their length in seconds."""
    from training.studies.panel import made_up_people
    from training.studies.report import Test

    recipe = member.recipe
    seconds = of.seconds or recipe.window.poses / recipe.window.rate
    title = f"{recipe.name} on {of.people} simulated people of {seconds:g} s"
    test = Test(title, subject_disjoint=True, simulated=True, training_prior=member.about.get("wins"))
    return made_up_people(member, of.people, seconds), test, seconds


def _stored(members: "list[Checkpoint]", of: PeopleOptions, corpus: Path, *, texts: bool) -> "TestPeople":
    """The same for people of a corpus. UsageError if ``texts`` would not come from the run's labeller."""
    from training.corpus.store import Store
    from training.labelling.labels import read
    from training.studies.panel import check_people, stored_people
    from training.studies.report import Test

    store, recipe = Store.open(corpus), members[0].recipe
    check_people(members, store, strangers=of.other_corpus)
    split = recipe.splitting.split
    labels = read(of.labels) if of.labels else None
    if labels is None and texts:
        _check_texts(members)
    title = f"{recipe.name} on {store.index.name}, {split}/{of.part}"
    title += ", people the run was trained on" if of.part == "train" else ""
    test = Test(
        title,
        subject_disjoint=store.index.splits[split].subject_disjoint,
        simulated=store.index.simulated,
        training_prior=members[0].about.get("wins"),
        # Results for people that a run was trained on, even with pseudo-labels only, are not comparable.
        transductive=any(m.about.get("setting") == "transductive" for m in members),
    )
    people = stored_people(store, store.ids(split, of.part), members[0], labels)
    return people, test, max(e.seconds for e in store.index.entries)


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
    changes: SetOption = None,
) -> None:
    """Subject-disjoint K-fold cross-validation; finished folds are read, a killed one resumes.

    Example:

      undertone-training crossval tiny --corpus corpora/made-up --out runs/crossval
    """
    from training import config
    from training.corpus.store import Store
    from training.data.materials import setting_of
    from training.labelling.labels import read
    from training.studies.crossval import crossval as validate

    chosen = config.load(recipe, changes or ())
    given, store = read(labels) if labels else None, Store.open(corpus)
    validate(chosen, store, folds, out, setting_of(setting), given, part)
    typer.echo((out / "table.md").read_text())


def ablate(
    table: Annotated[str, typer.Argument(help="spatial, image or training.")],
    corpus: StoreOption,
    out: OutOption,
    recipe: Annotated[str, typer.Option("--recipe", help="Recipe by name or a TOML file.")] = "ablation",
    seeds: SeedsOption = "0,1,2",
    setting: Annotated[str, typer.Option("--setting", help="inductive, transductive or both.")] = "inductive",
    labels: LabelsOption = None,
    changes: SetOption = None,
) -> None:
    """One of the paper's three tables on any corpus, over several seeds; an interrupted run resumes.

    Example:

      undertone-training ablate training --corpus corpora/films --out runs/ablate --recipe paper
    """
    from training.data.materials import Setting, setting_of
    from training.studies.ablation import ablate as study

    settings: Sequence[Setting] = (
        ("inductive", "transductive") if setting == "both" else (setting_of(setting),)
    )
    from training import config

    chosen = config.load(recipe, changes or ())
    study(table, chosen, _ground(corpus, labels), seeds_of(seeds), out, settings, typer.echo)
    typer.echo((out / f"{table}.md").read_text())


def noise_study(
    corpus: StoreOption,
    out: OutOption,
    recipe: Annotated[str, typer.Option("--recipe", help="Recipe by name or a TOML file.")] = "ablation",
    seeds: SeedsOption = "0,1,2",
    changes: SetOption = None,
) -> None:
    """Accuracy of the final model against the accuracy, number, form and noise of pseudo-labels.

    Example:

      undertone-training noise-study --corpus corpora/made-up --out runs/noise
    """
    from training import config
    from training.studies.noise_study import RESULTS, study

    study(config.load(recipe, changes or ()), _ground(corpus, None), seeds_of(seeds), out, typer.echo)
    typer.echo(out / RESULTS)


def curves(
    folder: Annotated[Path, typer.Argument(help="Directory of a run.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="PNG file; in the run by default.", show_default=False)
    ] = None,
) -> None:
    """Plot a run's learning curves.

    Example:

      undertone-training curves runs/tiny
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


def _check_texts(members: Any) -> None:
    """Raises UsageError if a run was trained on a labeller's texts but none are given."""
    from stream.errors import UsageError

    for member in members:
        if "text" in member.about["branches"] and member.about.get("told", {}).get("texts"):
            raise UsageError(
                f"{member.recipe.name}: expected --labels with texts of the labeller it was trained on, "
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
        seconds = sorted({float(part) for part in text.split(",") if part.strip()})
    except ValueError:
        seconds = [0.0]
    if seconds and not seconds[0] >= TICK:
        raise UsageError(
            f"expected --curve as seconds (from {TICK:g}) separated by commas, found {text!r}; correct it."
        )
    return tuple(seconds)


def _share(name: str, value: float | None) -> None:
    from stream.errors import UsageError

    if value is not None and not 0 < value < 1:
        raise UsageError(f"expected {name} between 0 and 1, both excluded, found {value:g}; correct it.")


def seeds_of(text: str) -> tuple[int, ...]:
    from stream.errors import UsageError

    try:
        seeds = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        seeds = ()
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise UsageError(
            f"expected --seeds as different whole numbers from 0, separated by commas, found {text!r}; "
            "correct it."
        )
    return seeds
