"""``undertone-training label-made-up``: the whole way from labels to a table, without any video."""

from pathlib import Path
from typing import Annotated

import typer


def label_made_up(
    corpus: Annotated[Path, typer.Argument(help="A simulated corpus.")],
    out: Annotated[Path, typer.Option("--out", help="Directory of answers, labels.jsonl and audit.csv.")],
    accuracy: Annotated[float, typer.Option("--accuracy", help="How often it is right, 0.5 to 1.")] = 0.644,
    noise: Annotated[
        str,
        typer.Option("--noise", help="Its errors: even, class (more among wins) or instance (hard videos)."),
    ] = "even",
    text: Annotated[
        str, typer.Option("--text", help="guarded (no verdict) or paper (as it was said).")
    ] = "guarded",
    seed: Annotated[int, typer.Option("--seed", help="Another seed, other errors.")] = 0,
) -> None:
    """A made-up labeller's answers about made-up people, in the files of a real one.

    Example:

      undertone-training label-made-up corpora/made-up --out runs/said
    """
    from stream.describing.rendering import form_of
    from training.corpus.store import Store
    from training.labelling import made_up
    from training.simulator.labeller import Labeller, noise_of

    form, labeller = form_of(text), Labeller(accuracy, noise_of(noise))
    answers = made_up.label(Store.open(corpus), out, labeller, seed=seed, form=form)
    typer.echo(f"{out}: {len(answers)} made-up answers")
