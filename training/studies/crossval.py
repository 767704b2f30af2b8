"""K-fold cross-validation by subject: every video gets one prediction, by a model not trained on its
person."""

from pathlib import Path

from training.config import Recipe
from training.corpus.protocols import folds
from training.corpus.store import Store
from training.data.materials import Setting
from training.evaluation import tables
from training.evaluation.predictions import Prediction, join
from training.labelling.labels import Labels
from training.studies.cells import Ground, run_cell


def crossval(
    recipe: Recipe,
    store: Store,
    k: int,
    out: Path,
    setting: Setting = "inductive",
    labels: Labels | None = None,
    pool: str | None = None,
) -> list[Prediction]:
    """Run ``k`` folds in ``out``/fold-i (finished ones are read) and write one table of all videos.

    ``pool``: use only this part of the recipe's split, e.g. "train", which leaves the test part untouched.
    """
    ids = set(store.ids(recipe.splitting.split, pool)) if pool else set(store.entries)
    entries = [e for e in store.index.entries if e.id in ids]
    results = []
    for i, fold in enumerate(folds(entries, k, recipe.seed)):
        parts = {"train": fold.parts["train"], "test": fold.parts["validation"]}
        results.append(run_cell(recipe, Ground(store, labels, parts), setting, out / f"fold-{i}"))
    predictions = join(*results)
    row = (tables.row if setting == "inductive" else tables.transductive_row)(recipe.name, [predictions])
    table = tables.table(
        f"{store.index.name}, {k} folds by subject",
        [row],
        predictions,
        subject_disjoint=True,
        simulated=store.index.simulated,
        prior=sum(p.label for p in predictions) / len(predictions),
    )
    tables.write(out, "table", table)
    return predictions
