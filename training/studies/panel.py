"""Predictions for held-out people, by one run or an ensemble of runs."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
from msgspec import structs

from stream.bundle.manifest import BRANCHES, Calibration
from stream.errors import UsageError
from training.config import Recipe
from training.corpus.grid import SHORTEST
from training.corpus.store import Store
from training.data.materials import parts_of, people_of, setting_of
from training.data.prepared import Prepared, prepare
from training.data.sampling import Cut
from training.data.simulated import simulated
from training.evaluation.predictions import Prediction
from training.evaluation.voting import vote
from training.labelling.labels import Labels
from training.learning.checkpoint import Checkpoint
from training.learning.predict import CutOutput, latest, run_cuts, to_prediction, votes

TEST = 5_000_000  # seeds of simulated test people, apart from all others
CHUNK = 50  # recordings held at a time
Cuts = Callable[[Prepared, Recipe], list[Cut]]


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One checkpoint, or an ensemble of several whose log-odds are averaged."""

    members: Sequence[Checkpoint]
    branches: Collection[str] = BRANCHES
    prior: float | None = None  # of win; the recipe's own when left out

    def __post_init__(self) -> None:
        """Raises UsageError for members with different tokenizers, windows or feature widths."""
        inputs = {
            (m.tokenizer.to_str(), m.recipe.window, m.recipe.model.image_features) for m in self.members
        }
        if len(inputs) != 1:
            raise UsageError(
                f"expected runs that share tokenizer, window and feature width, found {len(inputs)} kinds; "
                "combine runs of one recipe on one corpus only."
            )

    @property
    def recipe(self) -> Recipe:
        return self.members[0].recipe

    def predict(self, people: Iterable[Prepared], cuts: Cuts) -> list[Prediction]:
        """One prediction per recording, over all its cuts and all members."""
        return vote(p for chunk in chunks(people) for p in self._votes(chunk, cuts))

    def moments(
        self, people: Iterable[Prepared], seconds: Sequence[float], *, valid: bool = False
    ) -> list[Prediction]:
        """Predictions after each of ``seconds`` watched, from the content of a live buffer at that time, or
        from samples of everything so far if the recipe's inference uses samples.

        Their ``seconds`` are those watched or, with ``valid``, those with a person in view; the id is then
        "ID@SECONDS" with the seconds watched.
        """
        rate, predictions = self.recipe.window.rate, []
        for chunk in chunks(people):
            for at in seconds:
                stop = round(at * rate)
                long = [p for p in chunk if p.ticks >= stop]
                for p in vote(self._votes(long, partial(_until, stop=stop))):
                    id, shown = (f"{p.id}@{at:g}", p.seconds) if valid else (p.id, at)
                    predictions.append(structs.replace(p, votes=None, id=id, seconds=shown))
        return predictions

    def _votes(self, people: Sequence[Prepared], cuts: Cuts) -> Iterator[Prediction]:
        for member in self.members:
            recipe = member.recipe
            if "calibration" not in member.about:
                raise UsageError(
                    f"{recipe.name}: expected a calibrated run, found one after stage 1 only; "
                    "run `undertone-training finetune` first."
                )
            calibration = msgspec.convert(member.about["calibration"], Calibration)
            used = _used(self.branches, member.about["branches"], calibration)
            prior = recipe.delivery.prior if self.prior is None else self.prior
            all_cuts = [cut for person in people for cut in cuts(person, recipe)]
            for output in run_cuts(member.model, all_cuts, recipe, used):
                if output.present:
                    yield to_prediction(output, calibration, prior)
                else:
                    yield _undecided(output, prior)


def _used(branches: Collection[str], learnt: Sequence[str], calibration: Calibration) -> list[str]:
    """The branches to read: those that were learnt and in which the calibration found evidence.

    The live side does the same. Without evidence in any branch, all are read: their ranking may still be
    useful.
    """
    available = [name for name in branches if name in learnt]
    return [name for name in available if any(calibration.slope.get(name, (1.0,)))] or available


def _undecided(output: CutOutput, prior: float) -> Prediction:
    """The prior alone, for a cut without input."""
    person = output.source.recording
    return Prediction(
        id=output.source.name, subject=person.subject, label=person.label, win=prior, logit=0.0, seconds=0.0
    )


def _until(person: Prepared, recipe: Recipe, stop: int) -> list[Cut]:
    if recipe.inference.sampler == "window":
        return [latest(person, recipe.window, stop)]
    return votes(person, recipe, stop)


def whole(person: Prepared, recipe: Recipe) -> list[Cut]:
    """The votes over a whole recording."""
    return votes(person, recipe)


def ceiling(people: Iterable[Prepared], seconds: Sequence[float]) -> list[Prediction]:
    """Predictions from the exact likelihood ratio of the true events of simulated people: the best
    possible."""
    predictions = []
    for p in people:
        for at in seconds:
            stop = round(at * 25.0)
            if stop <= p.ticks:
                # Rounded, because a sum of float32 may miss the exact 0 of balanced evidence.
                evidence = round(p.recording.evidence(0, stop), 3) + 0.0
                win = float(1 / (1 + np.exp(-np.clip(evidence, -30, 30))))
                person = p.recording
                predictions.append(
                    Prediction(
                        id=p.name,
                        subject=person.subject,
                        label=person.label,
                        win=win,
                        logit=evidence,
                        seconds=at,
                    )
                )
    return predictions


def chunks(people: Iterable[Prepared], size: int = CHUNK) -> Iterator[list[Prepared]]:
    """Lists of at most ``size``, to limit the recordings in memory."""
    source = iter(people)
    while chunk := list(islice(source, size)):
        yield chunk


def check_people(members: Iterable[Checkpoint], store: Store, *, strangers: bool = False) -> None:
    """UsageError where a member began on other recordings, labels, split or setting than these: people whom
    it has learnt from might be tested as strangers.

    ``strangers``: the corpus is another one, of people whom no member has met. Runs on simulated people, and
    runs from before this was noted, are not checked.
    """
    for member in members:
        about, split = member.about, member.recipe.splitting.split
        if not about.get("people") or (strangers and about.get("corpus") != store.index.name):
            continue
        setting = setting_of(about.get("setting", "inductive"))
        parts = parts_of(store, split) if split in store.index.splits else None
        if not parts or about["people"] not in [people_of(store, parts, setting, k) for k in (False, True)]:
            raise UsageError(
                f"{member.recipe.name}: expected {about.get('corpus') or 'the corpus'} with the recordings, "
                f"labels and split {split} that it was trained with, found {store.index.name} with others, "
                "so people it has learnt from may be among these; give the corpus as it was, train again, or "
                "add --other-corpus where this is another corpus of people it has never met."
            )


def stored_people(
    store: Store, ids: Iterable[str], checkpoint: Checkpoint, labels: Labels | None = None
) -> Iterator[Prepared]:
    """Labelled recordings of a corpus that are long enough, prepared for a checkpoint's network.

    ``labels``: a labeller's results, whose texts replace the corpus' own.
    """
    recipe = checkpoint.recipe
    sizes = (recipe.model.text.length, recipe.model.image_features)
    for id in ids:
        entry = store.entries[id]
        if entry.label is not None and entry.ticks >= SHORTEST:
            recording = (labels or Labels()).described(store.recording(id), id)
            used = recipe.data.branches
            yield prepare(recording, recipe.window, checkpoint.tokenizer, *sizes, branches=used, name=id)


def made_up_people(
    checkpoint: Checkpoint, count: int, seconds: float, profile: str = ""
) -> Iterator[Prepared]:
    """``count`` simulated people that no run was trained on, of ``profile`` or else the recipe's."""
    recipe = checkpoint.recipe
    sizes = (recipe.model.text.length, recipe.model.image_features)
    data = structs.replace(recipe.data, seconds=seconds, mixed=0.0)
    for recording in simulated(data, profile or data.profile, count, TEST):
        yield prepare(recording, recipe.window, checkpoint.tokenizer, *sizes, branches=recipe.data.branches)


def with_window(checkpoint: Checkpoint, poses: int) -> Checkpoint:
    """The same weights with a window of another length, as positions are seconds before its end."""
    from training.learning.checkpoint import build

    recipe = checkpoint.recipe
    stride = recipe.window.stride
    delivery = structs.replace(recipe.delivery, poses=poses, features=max(poses // stride, 1))
    changed = structs.replace(recipe, delivery=delivery)
    model = build(changed, checkpoint.tokenizer)
    model.load_state_dict(checkpoint.model.state_dict())
    return Checkpoint(changed, model.eval(), checkpoint.tokenizer, checkpoint.about)


def members(folders: Sequence[Path]) -> list[Checkpoint]:
    """The checkpoints of the runs in ``folders``."""
    from training.learning.runs import resume

    return [resume(folder) for folder in folders]
