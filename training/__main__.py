"""``undertone-training``: from a recipe to a bundle, and the built-in demo from scratch."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from stream.cli import entry
from stream.cli.parameters import takes
from training.cli import evaluate, label, label_made_up
from training.cli import labels as agreement_commands
from training.cli.corpus import app as corpus_app
from training.cli.gestures import app as gestures_app
from training.cli.help_texts import HELP, LABELS, SET
from training.cli.options import ExtractOptions

app = typer.Typer(
    name="undertone-training",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Completion in the shell: undertone-training --install-completion, then a new shell.",
)
CORPORA, TRAIN, MEASURE, WEAK, DELIVER = "Corpora", "Train", "Measure", "Weak labels", "Deliver"
GESTURES = "Micro-gestures"

app.add_typer(corpus_app, name="corpus", rich_help_panel=CORPORA)
app.add_typer(gestures_app, name="gestures", rich_help_panel=GESTURES)

RecipeArgument = Annotated[
    str, typer.Argument(help="Recipe by name (tiny, small, short, live, paper) or a TOML file.")
]
SetOption = Annotated[list[str] | None, typer.Option("--set", help=SET, show_default=False)]
OutOption = Annotated[Path, typer.Option("--out", help="Directory of the run: checkpoints and log.")]
FilmsOption = Annotated[
    Path | None,
    typer.Option("--films", help="Directory of films tracked by the real front end.", show_default=False),
]
EncoderOption = Annotated[
    Path | None,
    typer.Option(
        "--encoder",
        help="Directory of the portrait encoder.",
        show_default=False,
    ),
]
CorpusOption = Annotated[
    Path | None,
    typer.Option("--corpus", help="A corpus on disk in place of simulated people.", show_default=False),
]
SettingOption = Annotated[
    str,
    typer.Option(
        "--setting",
        help="Pseudo-labelled videos of stage 2: inductive (hidden training subjects) or transductive (the "
        "test videos).",
    ),
]
LabelsOption = Annotated[
    Path | None,
    typer.Option("--labels", help=LABELS, show_default=False),
]
SeedOption = Annotated[
    int | None, typer.Option("--seed", min=0, help="Seed in place of the recipe's.", show_default=False)
]


@app.callback()
def root(version: Annotated[bool, entry.version_option("undertone-training")] = False) -> None:
    """Train the fused model on a corpus or on simulated people, evaluate it, deliver it as a bundle."""


@app.command(rich_help_panel=TRAIN)
def run(
    recipe: RecipeArgument,
    out: OutOption,
    corpus: CorpusOption = None,
    setting: SettingOption = "inductive",
    labels: LabelsOption = None,
    films: FilmsOption = None,
    encoder: EncoderOption = None,
    seed: SeedOption = None,
    changes: SetOption = None,
) -> None:
    """Both stages and the calibration. A killed run resumes where it stopped.

    Example:

      undertone-training run tiny --out runs/tiny
    """
    from training.learning import runs

    chosen = _recipe(recipe, changes, seed)
    checkpoint = runs.run(chosen, out, _materials(chosen, out, corpus, setting, labels, films, encoder))
    _print_figures(checkpoint.about["figures"])


@app.command(rich_help_panel=TRAIN)
def pretrain(
    recipe: RecipeArgument,
    out: OutOption,
    corpus: CorpusOption = None,
    setting: SettingOption = "inductive",
    labels: LabelsOption = None,
    films: FilmsOption = None,
    encoder: EncoderOption = None,
    seed: SeedOption = None,
    changes: SetOption = None,
) -> None:
    """Stage 1: train every branch alone.

    Example:

      undertone-training pretrain tiny --out runs/tiny
    """
    from training.learning import runs

    chosen = _recipe(recipe, changes, seed)
    runs.run_pretrain(chosen, out, _materials(chosen, out, corpus, setting, labels, films, encoder))
    typer.echo(f"{out / runs.PRETRAINED}: stage 1 done")


@app.command(rich_help_panel=TRAIN)
def finetune(
    folder: Annotated[Path, typer.Argument(help="Directory of a run after stage 1.")],
    corpus: CorpusOption = None,
    setting: SettingOption = "inductive",
    labels: LabelsOption = None,
    films: FilmsOption = None,
    encoder: EncoderOption = None,
    changes: SetOption = None,
) -> None:
    """Stage 2 and calibration, from the checkpoint of stage 1.

    Example:

      undertone-training finetune runs/tiny
    """
    from training import config
    from training.learning import checkpoint, runs

    first = checkpoint.load(folder / runs.PRETRAINED)
    if changes:
        first = checkpoint.load(folder / runs.PRETRAINED, config.changed(first.recipe, changes))
    materials = _materials(first.recipe, folder, corpus, setting, labels, films, encoder)
    _print_figures(runs.run_finetune(first, folder, materials).about["figures"])


@app.command(rich_help_panel=TRAIN)
def ring(
    folder: Annotated[Path, typer.Argument(help="Directory of a run after stage 2.")],
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe", help="Another recipe of the same network to continue with.", show_default=False
        ),
    ] = None,
    corpus: CorpusOption = None,
    setting: SettingOption = "inductive",
    labels: LabelsOption = None,
    films: FilmsOption = None,
    encoder: EncoderOption = None,
    changes: SetOption = None,
) -> None:
    """Train ring mode for a run: causal branches with a constant cost per update.

    Example:

      undertone-training ring runs/small --recipe small-ring
    """
    from training import config
    from training.learning import checkpoint, runs

    chosen = _recipe(recipe, changes) if recipe else None
    full = checkpoint.load(folder / runs.FINETUNED, chosen)
    if changes and not recipe:
        full = checkpoint.load(folder / runs.FINETUNED, config.changed(full.recipe, changes))
    materials = _materials(full.recipe, folder, corpus, setting, labels, films, encoder)
    _print_figures(runs.run_ring(full, folder, materials).about["figures"])


for measure in (evaluate.evaluate, evaluate.crossval, evaluate.ablate, evaluate.noise_study, evaluate.curves):
    app.command(rich_help_panel=MEASURE)(measure)
for weak in (label.label, agreement_commands.labels, label_made_up.label_made_up):
    app.command(rich_help_panel=WEAK)(weak)


@app.command(rich_help_panel=DELIVER)
def deliver(
    folder: Annotated[Path, typer.Argument(help="Directory of a run or of its checkpoint.")],
    out: Annotated[Path, typer.Option("--out", help="Directory of the bundle to write.")],
    encoder: EncoderOption = None,
    full_only: Annotated[
        bool, typer.Option("--full-only", help="Leave ring mode out even if the run has it.")
    ] = False,
) -> None:
    """Export every branch to ONNX, check each graph against its module, and write the bundle.

    Example:

      undertone-training deliver runs/tiny --out runs/tiny/bundle
    """
    from training.data import materials
    from training.delivery.deliver import deliver_run
    from training.learning import runs

    checkpoint = runs.resume(folder)
    command = f"undertone-training run {checkpoint.recipe.name}; undertone-training deliver"
    encoder = encoder or folder / materials.ENCODER
    ring = None if full_only else runs.ring_of(folder)
    typer.echo(deliver_run(checkpoint, out, encoder, command, ring))


@app.command(rich_help_panel=CORPORA)
@takes(ExtractOptions, HELP)
def extract(options: ExtractOptions) -> None:
    """Convert a folder of videos to a corpus with the live side's front end. An interrupted run resumes.

    Example:

      undertone-training extract videos --labels labels.csv --encoder facebook/dinov2-base --out corpora/mine
    """
    from stream.runtime.front_end_choice import chosen
    from training.extraction import extracting

    given = {each.name: getattr(options, each.name) for each in fields(ExtractOptions)}
    given["choice"] = chosen(given.pop("front_end"))
    given["partial_release"] = given.pop("partial")
    typer.echo(extracting.summary(extracting.run(extracting.Options(**given))))


@app.command(rich_help_panel=DELIVER)
def demo(
    out: Annotated[Path, typer.Option("--out", help="Directory of the bundle.")] = Path("stream/assets/demo"),
    work: Annotated[
        Path, typer.Option("--work", help="Directory of films, encoder and checkpoints, which are reused.")
    ] = Path("runs/demo"),
    count: Annotated[int, typer.Option("--count", min=2, help="Number of films of warped people.")] = 44,
) -> None:
    """Rebuild the demo bundle from scratch: portrait encoder, films, both modes, delivery. About two hours.

    Example:

      undertone-training demo
    """
    from training.delivery.demo import rebuild

    typer.echo(rebuild(out, work, count))


def _recipe(name: str, changes: list[str] | None, seed: int | None = None) -> Any:
    from training import config

    return config.load(name, [*(changes or ()), *([] if seed is None else [f"seed={seed}"])])


def _materials(
    recipe: Any,
    out: Path,
    corpus: Path | None,
    setting: str,
    labels: Path | None,
    films: Path | None,
    encoder: Path | None,
) -> Any:
    """Materials from the corpus if there is one, else from the simulator."""
    from training.corpus.store import Store
    from training.data import materials
    from training.data.films import load_folder
    from training.data.purposes import purposes
    from training.labelling.labels import read

    if corpus is not None:
        said = read(labels) if labels else None
        found = materials.from_corpus(recipe, Store.open(corpus), materials.setting_of(setting), said)
        for line in purposes(found):
            typer.echo(line)
        return found
    encode = materials.image_encoder(recipe, out, encoder)
    return materials.from_simulator(recipe, load_folder(films, encode) if films else (), encode)


def _print_figures(figures: list[dict[str, float | str]]) -> None:
    for row in figures:
        typer.echo("  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()))


def main() -> None:
    """Entry point of ``undertone-training``."""
    entry.run("undertone-training", app)


if __name__ == "__main__":
    main()
