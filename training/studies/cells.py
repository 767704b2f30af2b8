"""One cell of a study: a recipe trained in one setting on one corpus, and its predictions for the test
people.

A cell whose predictions are on disk is not run again, and one that was killed resumes, so a study may be
stopped at any time.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from stream.errors import UsageError
from training.config import Recipe, parse
from training.corpus.index import listed
from training.corpus.store import Store
from training.data.materials import Materials, Setting, from_corpus, parts_of, people_of
from training.data.pools import all_labelled
from training.evaluation import predictions
from training.evaluation.predictions import Prediction
from training.labelling.labels import Labels
from training.learning import runs
from training.learning.checkpoint import ABOUT, RECIPE, load
from training.learning.progress import fingerprint
from training.studies.panel import Panel, whole

PREDICTIONS = "predictions.jsonl"


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """The corpus that all cells of a study share, and its pseudo-labels if there is a labeller."""

    store: Store
    labels: Labels | None = None
    parts: Mapping[str, Collection[str]] | None = None  # "train" and "test" in place of the recipe's split

    def materials(self, recipe: Recipe, setting: Setting) -> Materials:
        return from_corpus(recipe, self.store, setting, self.labels, self.parts)

    def people(self, recipe: Recipe, setting: Setting) -> str:
        """The key of the people that ``materials`` would use, without preparing them."""
        split = recipe.splitting.split
        known = all_labelled(
            simulated=self.store.index.simulated,
            transductive=setting == "transductive",
            told=bool(self.labels and self.labels.wins),
        )
        return people_of(self.store, self.parts or parts_of(self.store, split), setting, known)


def run_cell(
    recipe: Recipe,
    ground: Ground,
    setting: Setting,
    out: Path,
    *,
    after: Path | None = None,
    materials: Materials | None = None,
) -> list[Prediction]:
    """Train (unless done) and predict for the test people. ``after``: a run whose stage 1 is reused.

    ``materials`` may be passed in if several cells share them. Raises UsageError for a finished cell of
    another recipe or other labels.
    """
    if (out / PREDICTIONS).exists():
        stored = read(out, ground)
        _check(out, recipe, ground, setting)
        return stored
    materials = materials or ground.materials(recipe, setting)
    if after is None:
        checkpoint = runs.run(recipe, out, materials)
    else:
        first = load(after / runs.PRETRAINED, recipe)
        checkpoint = runs.run_finetune(first, out, materials)
    results = Panel([checkpoint]).predict(materials.test, whole)
    predictions.write(out / PREDICTIONS, results)
    return results


def read(out: Path, ground: Ground) -> list[Prediction]:
    """A finished cell's predictions. Raises UsageError if this corpus does not contain all of their
    videos."""
    stored = predictions.read(out / PREDICTIONS)
    if other := [p.id for p in stored if p.id not in ground.store.entries]:
        raise UsageError(
            f"{out}: expected results on {ground.store.folder}, found those of other videos "
            f"({listed(other, 3)}); choose another --out, or remove the directory to start over."
        )
    return stored


def check_recipe(out: Path, path: Path, recipe: Recipe) -> None:
    """Raises UsageError if there is a recipe at ``path`` that differs from ``recipe``, that of a cell in
    ``out``."""
    if path.exists() and fingerprint(parse(path.read_text(), str(path))) != fingerprint(recipe):
        raise UsageError(
            f"{out}: expected results of this recipe, found those of another; "
            "choose another --out, or remove the directory to start over."
        )


def _check(out: Path, recipe: Recipe, ground: Ground, setting: Setting) -> None:
    """Raises UsageError for a cell of another recipe, corpus or labeller: a table must not mix them."""
    check_recipe(out, out / runs.FINETUNED / RECIPE, recipe)
    about = out / runs.FINETUNED / ABOUT
    if about.exists():
        recorded = json.loads(about.read_text())
        runs.check_people(out, recorded.get("people"), ground.people(recipe, setting))
        used, current = recorded.get("told", {}), runs.label_hashes(ground.labels or Labels(), recipe)
        for kind in current:
            runs.check_labels(out, kind, used.get(kind, ""), current)
