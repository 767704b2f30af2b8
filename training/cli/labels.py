"""``undertone-training labels``: compares a labeller's answers with known results."""

from pathlib import Path
from typing import Annotated

import typer


def labels(
    answers: Annotated[
        Path,
        typer.Argument(help="A labeller's folder, its labels.jsonl or audit.csv; corrections are applied."),
    ],
    truth: Annotated[
        Path, typer.Option("--truth", help="Known results: CSV of id, subject, label; or a corpus.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Directory of the report; beside the answers by default.", show_default=False
        ),
    ] = None,
) -> None:
    """Measure a labeller's accuracy, by class, and the reliability of its confidences.

    Example:

      undertone-training labels runs/said --truth labels.csv
    """
    from training.labelling import agreement
    from training.labelling.labels import read

    target = out or (answers if answers.is_dir() else answers.parent)
    original, corrected = read(answers, corrected=False), read(answers)
    typer.echo(agreement.report(original, corrected, agreement.Truth.open(truth), target))
