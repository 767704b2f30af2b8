"""The table of one run: every branch, their votes, and what pseudo-labels changed."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from stream.errors import UsageError
from training.corpus.gestures import NAMES as CLASS_NAMES
from training.gestures.evaluation import kaggle, tables
from training.gestures.evaluation.metrics import Frequency, frequency, intervals
from training.gestures.evaluation.predictions import ClipPredictions
from training.gestures.learning.pseudo_labels import Quality
from training.gestures.runs.run import About, about_of, recipe_of, said_by

TABLE = "table"


def report(out: Path, where: Path) -> str:
    """Write table.md and table.csv of the run in ``out`` into ``where``; returns the text.

    UsageError for a run that is not finished, and for one without a test clip of a known class.
    """
    about, recipe = about_of(out), recipe_of(out)
    said = said_by(out, about)
    test = said["1-fused"]
    if not (test.labels >= 0).any():
        raise UsageError(
            f"{out}: expected test clips of a known class, found none (a release hides them); write a "
            "submission with --submission."
        )
    groups = frequency(np.array(about.counts), recipe.reporting.head, recipe.reporting.tail)
    resamples = recipe.reporting.resamples
    transductive = about.setting == "transductive"
    rows = [
        _row(name, one, said, groups, resamples, beside=transductive and name.startswith("2"))
        for name, one in said.items()
    ]
    table = tables.table(
        f"{about.recipe}, {about.setting}, one seed",
        rows,
        test,
        groups,
        simulated=about.simulated,
        resamples=resamples,
    )
    tables.write(where, TABLE, table)
    text = tables.markdown(table) + "\n" + words(about)
    (where / f"{TABLE}.md").write_text(text)
    return text


def _row(
    name: str,
    one: ClipPredictions,
    said: Mapping[str, ClipPredictions],
    groups: Frequency,
    resamples: int,
    *,
    beside: bool,
) -> tables.Row:
    """A row; the second round's are compared with the same branch before, the vote with its best branch."""
    figures = intervals([one], groups, resamples=resamples)
    against = best_branch(said, groups) if name == "1-fused" else name.replace("2-", "1-")
    note = ""
    if against != name:
        gap = intervals([one], groups, against=[said[against]], resamples=resamples)
        note = f"{tables.difference(gap)} points of macro-F1 against {against}"
    empty = {key: type(value)() for key, value in figures.items()}
    return tables.Row(
        name=name, figures=empty if beside else figures, transductive=figures if beside else None, note=note
    )


def best_branch(said: Mapping[str, ClipPredictions], groups: Frequency) -> str:
    """The branch of the first round with the highest macro-F1."""
    names = [n for n in said if n.startswith("1-") and n != "1-fused"]
    scores = {n: intervals([said[n]], groups, resamples=2)["macro_f1"].value for n in names}
    return max(scores, key=lambda n: scores[n])


def words(about: About) -> str:
    """Temperatures, weights and the quality of pseudo-labels, as Markdown."""
    lines = ["| round | branch | temperature | weight |", "|---|---|---:|---:|"]
    for i, voting in enumerate(about.rounds, 1):
        for name, temperature in voting.temperatures.items():
            lines.append(f"| {i} | {name} | {temperature:.2f} | {voting.weights[name]:.2f} |")
    for title, found in (("pool", about.pool), ("validation subjects", about.validation)):
        if found:
            lines += ["", f"Pseudo-labels of the {title}:", "", *_qualities(found)]
    if about.note:
        lines += ["", about.note]
    return "\n".join(lines) + "\n"


def _qualities(found: list[Quality]) -> list[str]:
    lines = ["| for | of clips | accepted | precision | by class |", "|---|---:|---:|---:|---|"]
    for q in found:
        by_class = "; ".join(
            f"{CLASS_NAMES[c]} {n}{'' if right is None else f' ({right:.0%})'}"
            for c, (n, right) in sorted(q.by_class.items())
        )
        precision = "unknown" if q.precision is None else f"{q.precision:.1%}"
        lines.append(f"| {q.branch} | {q.pool} | {q.accepted} | {precision} | {by_class} |")
    return lines


def submit(out: Path, path: Path, order: Path | None) -> int:
    """Write the last round's vote as a Track 1 submission; returns the number of clips."""
    about = about_of(out)
    said = said_by(out, about)[f"{len(about.rounds)}-fused"]
    return kaggle.write(path, said, kaggle.read_list(order) if order else None)
