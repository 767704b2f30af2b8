"""Rounds of training: all branches on the labelled clips, then once more, from scratch, with each other's
labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stream.errors import UsageError
from training.gestures.evaluation.predictions import ClipPredictions
from training.gestures.learning.course import Taught
from training.gestures.learning.pseudo_labels import Quality, accept, corrupted, quality
from training.gestures.learning.voting import (
    Chances,
    chances,
    equal_weights,
    fit_temperature,
    fit_weights,
    vote,
)
from training.gestures.recipe import BranchName, Fusing, GestureRecipe, PseudoLabels
from training.gestures.runs.branches import Trained, all_branches, labelled
from training.gestures.runs.materials import Materials
from training.learning.log import Log

Setting = Literal["inductive", "transductive"]
FEW = 5  # accepted validation clips below which their precision says nothing


@dataclass(frozen=True, slots=True, eq=False)
class Fusion:
    """How branches vote, fitted on validation subjects."""

    temperatures: Mapping[str, float]
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """Branches after a round, and how they vote."""

    trained: Mapping[BranchName, Trained]
    fusion: Fusion


@dataclass(frozen=True, slots=True, eq=False)
class Second:
    """What came of the pseudo-labels."""

    round: Round | None  # None where the stop rule held
    qualities: tuple[Quality, ...]  # of the pool
    validation: tuple[Quality, ...]  # the same rule on validation subjects, whose classes are known
    note: str


def setting_of(text: str) -> Setting:
    """UsageError for another word."""
    if text not in ("inductive", "transductive"):
        raise UsageError(f"--setting: expected inductive or transductive, found {text!r}; choose one.")
    return "inductive" if text == "inductive" else "transductive"


def fuse(trained: Mapping[BranchName, Trained], materials: Materials, fusing: Fusing) -> Fusion:
    """Temperatures and weights from the validation subjects' clips."""
    places = list(materials.parts.validation)
    labels = materials.labels[places]
    temperatures: dict[str, float] = {
        name: fit_temperature(t.logits[places], labels) if fusing.temperature else 1.0
        for name, t in trained.items()
    }
    names: list[BranchName] = list(trained)
    weights: Mapping[str, float] = equal_weights(names)
    if fusing.weights == "fitted":
        said: dict[str, Chances] = {n: chances(t.logits[places], temperatures[n]) for n, t in trained.items()}
        weights = fit_weights(said, labels)
    return Fusion(temperatures, {name: weights[name] for name in names})


def said_of(done: Round, places: NDArray[np.int64], fusing: Fusing | None = None) -> dict[str, Chances]:
    """Calibrated probabilities of each branch, [n, 32]; ``fusing`` without temperature: T = 1."""
    plain = fusing is not None and not fusing.temperature
    return {
        name: chances(t.logits[places], 1.0 if plain else done.fusion.temperatures[name])
        for name, t in done.trained.items()
    }


def predictions(materials: Materials, found: Chances) -> ClipPredictions:
    """Of the test part, in its order."""
    places = materials.parts.test
    return ClipPredictions(
        tuple(materials.clips[i].id for i in places),
        tuple(materials.clips[i].subject for i in places),
        materials.labels[list(places)],
        found,
    )


def fused(done: Round, materials: Materials) -> ClipPredictions:
    """The branches' vote on the test part."""
    places = np.array(materials.parts.test, np.int64)
    return predictions(materials, vote(said_of(done, places), done.fusion.weights))


def alone(done: Round, materials: Materials, name: BranchName) -> ClipPredictions:
    """One branch's word on the test part."""
    places = np.array(materials.parts.test, np.int64)
    return predictions(materials, said_of(done, places)[name])


def first(recipe: GestureRecipe, materials: Materials, out: Path, log: Log | None = None) -> Round:
    """All branches on the labelled training clips."""
    trained = all_branches(recipe, materials, labelled(materials), out, log)
    return Round(trained, fuse(trained, materials, recipe.fusing))


def pool_of(materials: Materials, setting: Setting) -> NDArray[np.int64]:
    """Inductive: training subjects whose labels are hidden; the test part stays untouched. Transductive:
    it."""
    parts = materials.parts
    return np.array(parts.hidden if setting == "inductive" else parts.test, np.int64)


def second(
    recipe: GestureRecipe,
    materials: Materials,
    done: Round,
    setting: Setting,
    out: Path,
    log: Log | None = None,
) -> Second:
    """Every branch from scratch on the labelled clips and those that the other branches labelled.

    Nothing here but the two logs of quality reads a label of the pool.
    """
    settings, names = recipe.pseudo, list(done.trained)
    pool, counts = pool_of(materials, setting), materials.counts()
    if settings.teachers == "none" or not len(pool) or (settings.teachers == "others" and len(names) < 2):
        return Second(None, (), (), "no pseudo-labels: no pool, or no other branch")
    in_pool, in_validation = said_of(done, pool), said_of(done, _validation(materials))
    truth, known = materials.labels[pool], materials.labels[_validation(materials)]
    taught: dict[BranchName, Taught] = {}
    qualities, checks = [], []
    for name in names:
        found, tau = accept(in_pool, name, counts, settings)
        check, _ = accept(in_validation, name, counts, settings, tau)
        checks.append(quality(name, check, known))
        found = corrupted(found, settings, recipe.seed)
        qualities.append(quality(name, found, truth))
        taught[name] = _joined(
            labelled(materials), pool, found.rows, found.labels, found.confidence, settings
        )
    note = _stop(checks, settings)
    if log is not None:
        log(stage="pseudo-labels", setting=setting, accepted=sum(q.accepted for q in qualities), note=note)
    if note:
        return Second(None, tuple(qualities), tuple(checks), note)
    trained = all_branches(recipe, materials, taught, out, log)
    # Fitted on labelled subjects alone: pseudo-labels would make it sharper than it is right.
    return Second(
        Round(trained, fuse(trained, materials, recipe.fusing)), tuple(qualities), tuple(checks), ""
    )


def _validation(materials: Materials) -> NDArray[np.int64]:
    return np.array(materials.parts.validation, np.int64)


def _stop(checks: list[Quality], settings: PseudoLabels) -> str:
    """Why the second round is left out; empty where it is not."""
    accepted = sum(c.accepted for c in checks)
    if accepted < FEW:
        return f"the rule accepts {accepted} validation clips, too few to know its precision: left out"
    right = sum(c.accepted * (c.precision or 0.0) for c in checks) / accepted
    if right < settings.stop:
        return f"precision on validation subjects is {right:.2f}, below {settings.stop:g}: left out"
    return ""


def _joined(
    own: Taught,
    pool: NDArray[np.int64],
    rows: NDArray[np.int64],
    labels: NDArray[np.int64],
    confidence: NDArray[np.float64],
    settings: PseudoLabels,
) -> Taught:
    """Labelled clips, and accepted ones with less weight."""
    weights = (settings.weight * confidence).astype(np.float32)
    return Taught(
        np.concatenate([own.places, pool[rows]]),
        np.concatenate([own.labels, labels]),
        np.concatenate([own.weights, weights]),
    )
