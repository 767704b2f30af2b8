"""A labeller's accuracy and calibration on videos with known results, with and without corrections.

This only measures and changes no label. Changing the prompt after looking at agreement on a test part is
tuning on the test part.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from stream.errors import UsageError
from stream.files import replace_with
from training.corpus.index import INDEX
from training.corpus.labels import Label
from training.corpus.labels import read as read_truth
from training.corpus.store import Store
from training.evaluation import plots, tables
from training.evaluation.intervals import RESAMPLES, Interval, bootstrap, shown
from training.evaluation.metrics import Metric, Values, accuracy, decisions
from training.evaluation.predictions import Prediction, columns
from training.evaluation.reliability import diagram
from training.labelling.labels import Labels

NAME = "agreement"
LABELLER, CORRECTED = "labeller", "as corrected"
SHOWN = ("accuracy", "balanced_accuracy", "auroc", "calibration_error", "brier")


def kappa(win: Values, label: Values) -> float:
    """Cohen's kappa, the agreement beyond chance; an undecided answer counts half for either. NaN if chance
    agreement is 1."""
    predicted = decisions(win)
    chance = predicted.mean() * label.mean() + (1 - predicted.mean()) * (1 - label.mean())
    return float((accuracy(win, label) - chance) / (1 - chance)) if chance < 1 else float("nan")


def recall_of_wins(win: Values, label: Values) -> float:
    """Share of the wins that are predicted as wins; NaN without any."""
    return accuracy(win[label == 1], label[label == 1])


def recall_of_losses(win: Values, label: Values) -> float:
    """Share of the losses that are predicted as losses; NaN without any."""
    return accuracy(win[label == 0], label[label == 0])


OWN: dict[str, Metric] = {
    "kappa": kappa,
    "right among wins": recall_of_wins,
    "right among losses": recall_of_losses,
}


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Known results by video id."""

    of: Mapping[str, Label]
    simulated: bool = False  # results of simulated people

    @classmethod
    def open(cls, path: Path) -> "Truth":
        """The results of a corpus, or of a CSV of id, subject and label. UsageError for neither."""
        if (path / INDEX).is_file():
            index = Store.open(path).index
            return cls({e.id: Label(e.subject, e.label) for e in index.entries}, index.simulated)
        if not path.is_file():
            found = "a folder without a corpus" if path.is_dir() else "nothing there"
            raise UsageError(
                f"{path}: expected known results, a corpus or a CSV of id, subject and label, found {found}; "
                "check the path."
            )
        return cls(read_truth(path))


def predictions_of(labels: Labels, truth: Truth) -> list[Prediction]:
    """The labels of all videos with a known result, as predictions. UsageError if there are none."""
    predictions = [
        Prediction(id=id, subject=truth.of[id].subject, label=known, win=win, logit=0.0, seconds=0.0)
        for id, win in sorted(labels.wins.items())
        if id in truth.of and (known := truth.of[id].label) is not None
    ]
    if not predictions:
        raise UsageError(
            f"expected answers of videos whose result is known, found none among {len(labels.wins)} answers "
            f"and {len(truth.of)} results; give the results of these videos."
        )
    return predictions


def report(labels: Labels, corrected: Labels, truth: Truth, out: Path, *, resamples: int = RESAMPLES) -> str:
    """Write ``agreement.md``, ``.csv``, ``.json`` and ``reliability.png`` into ``out``; returns the Markdown.

    ``corrected``: the same labels with a person's corrections, compared on the videos that both answer.
    """
    variants = {LABELLER: predictions_of(labels, truth)}
    if corrected.wins != labels.wins:
        both = labels.wins.keys() & corrected.wins.keys()
        variants = {
            name: predictions_of(Labels({id: side.wins[id] for id in both}), truth)
            for name, side in ((LABELLER, labels), (CORRECTED, corrected))
        }
    first = variants[LABELLER]
    table = tables.table(
        "A labeller against the truth",
        [tables.row(name, [answers], resamples=resamples) for name, answers in variants.items()],
        first,
        subject_disjoint=True,  # nothing was trained
        simulated=truth.simulated,
        resamples=resamples,
    )
    tables.write(out, NAME, table, SHOWN)
    own = {name: bootstrap(answers, OWN, resamples=resamples) for name, answers in variants.items()}
    counts = _counts(labels, truth, first)
    text = f"{tables.markdown(table, SHOWN)}\n{_own(own)}\n{_sentence(counts)}\n"
    replace_with(out / f"{NAME}.md", text.encode())
    figures = {row.name: msgspec.to_builtins({**row.figures, **own.get(row.name, {})}) for row in table.rows}
    plain = {"simulated": truth.simulated, "counts": counts, "figures": figures}
    replace_with(out / f"{NAME}.json", json.dumps(plain, indent=1).encode() + b"\n")
    bins = {name: diagram(*columns(answers)[:2]) for name, answers in variants.items()}
    plots.reliability(out / "reliability.png", bins, "Reliability of the labeller's confidence")
    return text


def _counts(labels: Labels, truth: Truth, answers: Sequence[Prediction]) -> dict[str, int]:
    win, label, _ = columns(answers)
    answered = labels.wins.keys()
    return {
        "compared": len(answers),
        "undecided": int((win == 0.5).sum()),
        "without_answer": sum(t.label is not None and id not in answered for id, t in truth.of.items()),
        "without_truth": sum(id not in truth.of or truth.of[id].label is None for id in answered),
        "win_called_win": int(((win > 0.5) & (label == 1)).sum()),
        "win_called_loss": int(((win < 0.5) & (label == 1)).sum()),
        "loss_called_win": int(((win > 0.5) & (label == 0)).sum()),
        "loss_called_loss": int(((win < 0.5) & (label == 0)).sum()),
    }


def _own(variants: Mapping[str, Mapping[str, Interval]]) -> str:
    lines = [f"| | {' | '.join(OWN)} |", f"|---|{'---:|' * len(OWN)}"]
    for name, figures in variants.items():
        lines.append(f"| {name} | {' | '.join(map(shown, figures.values()))} |")
    return "\n".join(lines) + "\n"


def _sentence(counts: Mapping[str, int]) -> str:
    return (
        f"{counts['compared']} videos compared, {counts['undecided']} of them undecided; "
        f"{counts['without_answer']} known results have no answer, {counts['without_truth']} answers have no "
        f"known result. Wins called win {counts['win_called_win']}, loss {counts['win_called_loss']}; losses "
        f"called win {counts['loss_called_win']}, loss {counts['loss_called_loss']}."
    )
