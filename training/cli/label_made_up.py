"""``undertone-training label-made-up``: a simulated labeller, to try weak labels without any video."""

from pathlib import Path
from typing import Annotated

import typer


def label_made_up(
    corpus: Annotated[Path, typer.Argument(help="A simulated corpus.")],
    out: Annotated[Path, typer.Option("--out", help="Directory of answers, labels.jsonl and audit.csv.")],
    accuracy: Annotated[
        float, typer.Option("--accuracy", help="Accuracy of its verdicts, 0.5 to 1.")
    ] = 0.644,
    noise: Annotated[
        str,
        typer.Option("--noise", help="Errors: even, class (more in wins) or instance (more in hard videos)."),
    ] = "even",
    text: Annotated[
        str, typer.Option("--text", help="guarded (no verdict) or paper (verbatim).")
    ] = "guarded",
    seed: Annotated[int, typer.Option("--seed", help="Seed of its errors.")] = 0,
) -> None:
    """Write a simulated labeller's answers about simulated people, in a real labeller's format.

    Example:

      undertone-training label-made-up corpora/made-up --out runs/said
    """
    from stream.describing.rendering import form_of
    from training.corpus.store import Store
    from training.labelling import made_up
    from training.simulator.labeller import Labeller, noise_of

    form, labeller = form_of(text), Labeller(accuracy, noise_of(noise))
    answers = made_up.label(Store.open(corpus), out, labeller, seed=seed, form=form)
    typer.echo(f"{out}: {len(answers)} simulated answers")
